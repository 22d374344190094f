package transporttest_test

import (
	"context"

	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// pingMutants are faults of pings.
func pingMutants() []mutant {
	honest := func(m *mutantTransport, ctx context.Context, p transport.Peer) error {
		return m.Transport.(transport.Pinger).Ping(ctx, p)
	}
	return []mutant{
		{name: "FindsEverybody", part: "ping/nobody there", ping: func(*mutantTransport, context.Context, transport.Peer) error { return nil }},
		{name: "TakesAnyMemberForTheOneAskedFor", part: "ping/another member there", ping: func(m *mutantTransport, ctx context.Context, p transport.Peer) error {
			for id := range m.known {
				if honest(m, ctx, transport.Peer{Id: id, Urls: p.Urls}) == nil {
					return nil
				}
			}
			return honest(m, ctx, p)
		}, setPeers: func(m *mutantTransport, set transport.PeerSet) transport.PeerSet {
			m.known = map[uint64][]string{}
			for _, p := range set.Peers {
				m.known[p.Id] = p.Urls
			}
			return set
		}},
		{name: "AsksUnderTheFirstURLAlone", part: "ping/one URL of several", ping: func(m *mutantTransport, ctx context.Context, p transport.Peer) error {
			p.Urls = p.Urls[:min(len(p.Urls), 1)]
			return honest(m, ctx, p)
		}},
		{name: "AsksUnderTheURLsThatItKnows", part: "ping/nobody there", ping: func(m *mutantTransport, ctx context.Context, p transport.Peer) error {
			if known := m.known[p.Id]; known != nil {
				p.Urls = known
			}
			return honest(m, ctx, p)
		}, setPeers: func(m *mutantTransport, set transport.PeerSet) transport.PeerSet {
			m.known = map[uint64][]string{}
			for _, p := range set.Peers {
				m.known[p.Id] = p.Urls
			}
			return set
		}},
	}
}
