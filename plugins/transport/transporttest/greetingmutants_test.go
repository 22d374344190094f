package transporttest_test

import (
	"context"
	"io"
	"slices"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

const (
	partGreeted = "greetings/greeted comes before messages"
	partWiped   = "greetings/a wiped member is refused on every channel"
	partPinned  = "greetings/first sight pins"
)

// greetingMutants are faults of what members say of themselves.
func greetingMutants() []mutant {
	saying := func(change func(*transport.PeerSet)) func(*mutantTransport, transport.PeerSet) transport.PeerSet {
		return func(_ *mutantTransport, set transport.PeerSet) transport.PeerSet {
			set.Peers = slices.Clone(set.Peers)
			change(&set)
			return set
		}
	}
	return []mutant{
		{name: "HearsEverybody", part: "members/one that is no member is not heard", setPeers: saying(func(s *transport.PeerSet) { s.Joining = true })},
		{name: "VouchesForNobody", part: "members/one that another member knows is heard", setPeers: saying(func(s *transport.PeerSet) {
			s.Peers = slices.DeleteFunc(s.Peers, func(p transport.Peer) bool { return p.Id == 3 })
		})},
		{name: "JoinsNobody", part: "members/a node that is no member yet hears others", setPeers: saying(func(s *transport.PeerSet) { s.Joining = false })},
		{name: "SaysNothingOfItself", part: partGreeted, setPeers: saying(func(s *transport.PeerSet) { s.Self = transport.Greeting{} })},
		{name: "KeepsGreetingsToItself", part: partGreeted, notify: without(pluginv1.EventType_EVENT_GREETED)},
		{name: "GreetsAfterMessages", part: partGreeted, notify: keepGreetings, deliver: func(m *mutantTransport, es []transport.Envelope) {
			m.handler.Deliver(es)
			m.mu.Lock()
			late := m.late
			m.late = nil
			m.mu.Unlock()
			m.handler.Notify(late)
		}},
		{name: "GreetsWithEveryMessage", part: partGreeted, deliver: func(m *mutantTransport, es []transport.Envelope) {
			m.handler.Notify([]transport.Event{transport.Greeting{Store: 0x5100 + es[0].From}.Greeted(es[0].From)})
			m.handler.Deliver(es)
		}},
		{name: "BreaksOnANumber", part: partGreeted, setPeers: func(m *mutantTransport, set transport.PeerSet) transport.PeerSet {
			_ = m.Transport.SetPeers(context.Background(), transport.PeerSet{Self: set.Self})
			return set
		}},
		{name: "IsKnownByAnyStore", part: partWiped, setPeers: saying(func(s *transport.PeerSet) {
			s.Self.Store = 1
			for i := range s.Peers {
				s.Peers[i].Store = 1
			}
		})},
		{name: "TellsNoMismatch", part: partWiped, notify: without(pluginv1.EventType_EVENT_MISMATCH)},
		{name: "TellsNotTheRefusedOne", part: partWiped, notify: func(_ *mutantTransport, events []transport.Event) []transport.Event {
			return slices.DeleteFunc(events, func(e transport.Event) bool { return e.Verdict == transport.VerdictRefusedByPeer })
		}},
		{name: "SaysNotWithWhatItIsKnown", part: partWiped, notify: func(_ *mutantTransport, events []transport.Event) []transport.Event {
			for i := range events {
				events[i].Known = 0
			}
			return events
		}},
		{name: "DeliversOfTheRefused", part: partWiped, notify: func(m *mutantTransport, events []transport.Event) []transport.Event {
			for _, e := range events {
				if e.Type == pluginv1.EventType_EVENT_MISMATCH {
					m.handler.Deliver([]transport.Envelope{{From: e.Peer, Payload: []byte("heard all the same")}})
				}
			}
			return events
		}},
		{name: "OffersASnapshotOfTheRefused", part: partWiped, snapshot: func(m *mutantTransport, ctx context.Context, h transport.SnapshotHeader, r io.Reader) error {
			_ = m.handler.ReceiveSnapshot(ctx, h, r)
			return m.Transport.SendSnapshot(ctx, h, r)
		}},
		{name: "ForgetsWhomItSaw", part: partPinned, notify: func(m *mutantTransport, events []transport.Event) []transport.Event {
			for _, e := range events {
				if e.Type == pluginv1.EventType_EVENT_INACTIVE {
					m.mu.Lock()
					set := m.set
					m.mu.Unlock()
					_ = m.Transport.SetPeers(context.Background(), transport.PeerSet{Self: set.Self})
					_ = m.Transport.SetPeers(context.Background(), set)
				}
			}
			return events
		}, setPeers: func(m *mutantTransport, set transport.PeerSet) transport.PeerSet {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.set = set
			return set
		}},
		{
			name: "HearsNoStoresOfItsHost", part: "greetings/a store that the host names ends a connection",
			setPeers: saying(func(s *transport.PeerSet) {
				for i := range s.Peers {
					s.Peers[i].Store = 0
				}
			}),
		},
		{
			name: "KeepsItsFirstStore", part: "greetings/a store that this node gets makes connections anew",
			setPeers: func(m *mutantTransport, set transport.PeerSet) transport.PeerSet {
				m.mu.Lock()
				defer m.mu.Unlock()
				if m.set.Peers == nil {
					m.set = set
				}
				set.Self = m.set.Self
				return set
			},
		},
		{
			name: "ForgetsTheFounding", part: "greetings/another founding",
			setPeers: saying(func(s *transport.PeerSet) { s.Self.Founding = 0 }),
		},
		{
			name: "ForgetsTheVoters", part: "greetings/another founding",
			setPeers: saying(func(s *transport.PeerSet) { s.Self.Voters = 0 }),
		},
		{
			name: "ForgetsTheNumber", part: "greetings/another number",
			setPeers: saying(func(s *transport.PeerSet) { s.Self.Number = 0 }),
		},
		{
			name: "TalksToThoseWhoKnowStores", part: "greetings/a peer that says nothing",
			setPeers: saying(func(s *transport.PeerSet) {
				if s.Self.Store != 0 {
					s.Peers = nil
				}
			}),
		},
	}
}

// keepGreetings takes them out, to be told later.
func keepGreetings(m *mutantTransport, events []transport.Event) []transport.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(events, func(e transport.Event) bool {
		late := e.Type == pluginv1.EventType_EVENT_GREETED
		if late {
			m.late = append(m.late, e)
		}
		return late
	})
}
