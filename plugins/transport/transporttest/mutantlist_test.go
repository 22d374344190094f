package transporttest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// allMutants are the faults that the kit must find.
func allMutants() []mutant {
	return slices.Concat(describeMutants(), messageMutants(), reportMutants(), peerMutants(), snapshotMutants(), lifeMutants(), greetingMutants(), pingMutants())
}

const (
	partDelivery = "delivery/every class, size and direction"
	partOrder    = "delivery/order within a class"
	partRemoved  = "peers/a removed member learns it, with proof"
	partSource   = "snapshot/the source fails half-way"
	partRest     = "snapshot/the rest goes to what has come"
)

// describeMutants are faults of what a transport says of itself.
func describeMutants() []mutant {
	return []mutant{
		{name: "IsOfAnotherKind", part: "describe", describe: func(i plugins.Info) plugins.Info {
			i.Kind = plugins.Storage
			return i
		}},
		{name: "SpeaksNoProtocol", part: "describe", describe: func(i plugins.Info) plugins.Info {
			i.Protocols = nil
			return i
		}},
		{name: "HasANameThatIsAPath", part: "describe", describe: func(i plugins.Info) plugins.Info {
			i.Name = "../" + i.Name
			return i
		}},
		{name: "StatesAnotherScheme", part: "describe", describe: func(i plugins.Info) plugins.Info {
			i.Capabilities = []plugins.Capability{transport.Scheme("web")}
			return i
		}},
	}
}

// messageMutants are faults of messages on their way.
func messageMutants() []mutant {
	return []mutant{
		{name: "LosesOneOfMany", part: partOrder, send: func(m *mutantTransport, es []transport.Envelope) []transport.Envelope {
			return slices.DeleteFunc(slices.Clone(es), func(transport.Envelope) bool { return m.next()%1000 == 0 })
		}},
		{name: "DeliversTwice", part: partOrder, deliver: func(m *mutantTransport, es []transport.Envelope) {
			m.handler.Deliver(es)
			m.handler.Deliver(es[:1])
		}},
		{name: "DeliversBackwards", part: partOrder, deliver: func(m *mutantTransport, es []transport.Envelope) {
			slices.Reverse(es)
			m.handler.Deliver(es)
		}},
		{name: "ChangesAByte", part: partDelivery, deliver: func(m *mutantTransport, es []transport.Envelope) {
			for i := range es {
				es[i].Payload = slices.Clone(es[i].Payload)
				es[i].Payload[len(es[i].Payload)-1] ^= 1
			}
			m.handler.Deliver(es)
		}},
		{name: "NamesAnotherSender", part: partDelivery, deliver: eachDelivered(func(e *transport.Envelope) { e.From++ })},
		{name: "MixesUpClasses", part: partDelivery, deliver: eachDelivered(func(e *transport.Envelope) {
			e.Class = pluginv1.MessageClass_CLASS_CONTROL
		})},
		{name: "CutsLargeMessages", part: partDelivery, deliver: func(m *mutantTransport, es []transport.Envelope) {
			m.handler.Deliver(slices.DeleteFunc(es, func(e transport.Envelope) bool { return len(e.Payload) > 1<<19 }))
		}},
		{name: "OnePeerHoldsUpAll", part: "loss/a peer that is slow does not hold up another", deliver: func(m *mutantTransport, es []transport.Envelope) {
			m.shared.Lock()
			defer m.shared.Unlock()
			m.handler.Deliver(es)
		}},
		{name: "TakesMessagesOfAnySize", part: "limits/the largest message arrives, a larger one is reported", open: func(_ *mutantTransport, o transport.Options) transport.Options {
			o.Limits.MaxEntryBytes, o.Limits.MaxBatchBytes = 1<<30, 1<<30
			return o
		}},
		{name: "TakesMessagesOfAnyGroup", part: "limits/messages that are none", send: func(_ *mutantTransport, es []transport.Envelope) []transport.Envelope {
			es = slices.Clone(es)
			for i := range es {
				es[i].Group = 1
			}
			return es
		}},
	}
}

func eachDelivered(change func(*transport.Envelope)) func(*mutantTransport, []transport.Envelope) {
	return func(m *mutantTransport, es []transport.Envelope) {
		for i := range es {
			change(&es[i])
		}
		m.handler.Deliver(es)
	}
}

// without leaves out the events of some kinds.
func without(kinds ...pluginv1.EventType) func(*mutantTransport, []transport.Event) []transport.Event {
	return func(_ *mutantTransport, events []transport.Event) []transport.Event {
		return slices.DeleteFunc(events, func(e transport.Event) bool { return slices.Contains(kinds, e.Type) })
	}
}

// reportMutants are faults of what the host is told.
func reportMutants() []mutant {
	return []mutant{
		{name: "SaysNothingOfLoss", part: "loss/a peer that is closed", notify: without(pluginv1.EventType_EVENT_UNREACHABLE)},
		{name: "ForgetsUnknownPeers", part: "loss/an unknown peer", send: func(m *mutantTransport, es []transport.Envelope) []transport.Envelope {
			m.mu.Lock()
			defer m.mu.Unlock()
			return slices.DeleteFunc(slices.Clone(es), func(e transport.Envelope) bool { return m.known[e.To] == nil })
		}, setPeers: remember},
		{name: "SendsSnapshotMessages", part: "loss/a snapshot message without its snapshot", send: func(_ *mutantTransport, es []transport.Envelope) []transport.Envelope {
			es = slices.Clone(es)
			for i := range es {
				if es[i].Class == pluginv1.MessageClass_CLASS_SNAPSHOT {
					es[i].Class = pluginv1.MessageClass_CLASS_CONTROL
				}
			}
			return es
		}},
		{
			name: "SaysNothingOfActivity", part: "reconnect/activity is reported",
			notify: without(pluginv1.EventType_EVENT_ACTIVE, pluginv1.EventType_EVENT_INACTIVE),
		},
		{name: "NeverComesBack", part: "reconnect/a peer restarts on its address", notify: func(m *mutantTransport, events []transport.Event) []transport.Event {
			m.mu.Lock()
			defer m.mu.Unlock()
			for _, e := range events {
				if e.Type == pluginv1.EventType_EVENT_INACTIVE {
					m.lost[e.Peer] = true
				}
			}
			return events
		}, send: func(m *mutantTransport, es []transport.Envelope) []transport.Envelope {
			m.mu.Lock()
			defer m.mu.Unlock()
			return slices.DeleteFunc(slices.Clone(es), func(e transport.Envelope) bool { return m.lost[e.To] })
		}},
		{name: "KeepsTheProof", part: partRemoved, notify: func(_ *mutantTransport, events []transport.Event) []transport.Event {
			for i := range events {
				events[i].Index, events[i].Term = 0, 0
			}
			return events
		}},
	}
}

// remember notes the peers' URLs.
func remember(m *mutantTransport, set transport.PeerSet) transport.PeerSet {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[uint64][]string{}
	}
	for _, p := range set.Peers {
		if m.known[p.Id] == nil {
			m.known[p.Id] = p.Urls
		}
	}
	return set
}

// peerMutants are faults of the set of peers.
func peerMutants() []mutant {
	eachPeer := func(change func(*mutantTransport, *transport.Peer)) func(*mutantTransport, transport.PeerSet) transport.PeerSet {
		return func(m *mutantTransport, set transport.PeerSet) transport.PeerSet {
			set.Peers = slices.Clone(set.Peers)
			for i := range set.Peers {
				change(m, &set.Peers[i])
			}
			return set
		}
	}
	return []mutant{
		{name: "TellsNoRemovedMember", part: partRemoved, setPeers: func(_ *mutantTransport, set transport.PeerSet) transport.PeerSet {
			set.Removed = nil
			return set
		}},
		{
			name: "TriesTheFirstURLOnly", part: "peers/several URLs, the first one dead",
			setPeers: eachPeer(func(_ *mutantTransport, p *transport.Peer) { p.Urls = p.Urls[:1] }),
		},
		{name: "KeepsTheOldURL", part: "peers/moved to another URL", setPeers: func(m *mutantTransport, set transport.PeerSet) transport.PeerSet {
			remember(m, set)
			return eachPeer(func(m *mutantTransport, p *transport.Peer) { p.Urls = m.known[p.Id] })(m, set)
		}},
		{name: "LeavesRemotesOut", part: "peers/a remote peer gets messages", setPeers: func(_ *mutantTransport, set transport.PeerSet) transport.PeerSet {
			set.Peers = slices.DeleteFunc(slices.Clone(set.Peers), func(p transport.Peer) bool { return p.Remote })
			return set
		}},
		{name: "AddsAndNeverReplaces", part: "peers/added and removed while sending", setPeers: func(m *mutantTransport, set transport.PeerSet) transport.PeerSet {
			set.Peers = set.Peers[:min(1, len(set.Peers))]
			return set
		}},
		{name: "TalksToAnyCluster", part: "peers/another cluster", open: func(_ *mutantTransport, o transport.Options) transport.Options {
			o.ClusterID = 1
			return o
		}},
		{name: "HearsStrangers", part: "strangers/of another cluster", open: func(_ *mutantTransport, o transport.Options) transport.Options {
			o.ClusterID = 1
			return o
		}},
	}
}

// snapshotMutants are faults of snapshots.
func snapshotMutants() []mutant {
	return []mutant{
		{name: "EndsASnapshotEarly", part: "snapshot/bytes are equal", receive: func(r io.Reader) io.Reader { return io.LimitReader(r, 200<<10) }},
		{name: "TakesAPartForTheWhole", part: partSource, receive: func(r io.Reader) io.Reader { return endsWell{r} }},
		{name: "HoldsASnapshotBack", part: partRest, receive: func(r io.Reader) io.Reader { return &heldBack{r: r} }},
		{name: "FillsWhatIsMissing", part: partRest, receive: func(r io.Reader) io.Reader { return &fills{r: r} }},
		{name: "AcceptsForItsHost", part: "snapshot/refused at its end", snapshot: func(m *mutantTransport, ctx context.Context, h transport.SnapshotHeader, r io.Reader) error {
			err := m.Transport.SendSnapshot(ctx, h, r)
			if errors.Is(err, transport.ErrSnapshotRefused) {
				return nil
			}
			return err
		}},
		{name: "TriesASnapshotAgain", part: partSource, snapshot: func(m *mutantTransport, ctx context.Context, h transport.SnapshotHeader, r io.Reader) error {
			if m.Transport.SendSnapshot(ctx, h, r) == nil {
				return nil
			}
			return m.Transport.SendSnapshot(ctx, h, r)
		}},
		{name: "HidesTheSourcesError", part: partSource, snapshot: func(m *mutantTransport, ctx context.Context, h transport.SnapshotHeader, r io.Reader) error {
			if m.Transport.SendSnapshot(ctx, h, r) != nil {
				return transport.ErrUnreachable
			}
			return nil
		}},
		{name: "CannotBeCancelled", part: "snapshot/the sender gives up half-way", snapshot: func(m *mutantTransport, ctx context.Context, h transport.SnapshotHeader, r io.Reader) error {
			return m.Transport.SendSnapshot(context.WithoutCancel(ctx), h, r)
		}},
		{name: "ForgetsTheSize", part: "snapshot/bytes are equal", snapshot: func(m *mutantTransport, ctx context.Context, h transport.SnapshotHeader, r io.Reader) error {
			h.Bytes = 0
			return m.Transport.SendSnapshot(ctx, h, r)
		}},
		{name: "CallsUnknownPeersUnreachable", part: "snapshot/unknown peer", snapshot: func(m *mutantTransport, ctx context.Context, h transport.SnapshotHeader, r io.Reader) error {
			err := m.Transport.SendSnapshot(ctx, h, r)
			if errors.Is(err, transport.ErrUnknownPeer) {
				return transport.ErrUnreachable
			}
			return err
		}},
	}
}

// heldBack gives nothing before all is here.
type heldBack struct {
	r   io.Reader
	all io.Reader
}

func (h *heldBack) Read(p []byte) (int, error) {
	if h.all == nil {
		b, err := io.ReadAll(h.r)
		if err != nil {
			return 0, err
		}
		h.all = bytes.NewReader(b)
	}
	return h.all.Read(p)
}

// fills gives a byte of its own before an error.
type fills struct {
	r    io.Reader
	done bool
}

func (f *fills) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if n == 0 && err != nil && !errors.Is(err, io.EOF) && !f.done {
		f.done = true
		p[0] = 0
		return 1, nil
	}
	return n, err
}

// endsWell turns every end into io.EOF.
type endsWell struct{ r io.Reader }

func (e endsWell) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err != nil {
		err = io.EOF
	}
	return n, err
}

// lifeMutants are faults of the life cycle.
func lifeMutants() []mutant {
	return []mutant{
		{name: "SendsAfterItsEnd", part: "close/calls before Open and after Close fail", sent: func(_ *mutantTransport, err error) error {
			if errors.Is(err, plugins.ErrClosed) {
				return nil
			}
			return err
		}},
		{name: "SaysThatItServesASecondGroup", part: "close/a second group is refused", again: func(error) error { return nil }},
		{name: "RefusesASecondGroupForAnotherReason", part: "close/a second group is refused", again: func(error) error { return plugins.ErrClosed }},
		{name: "CallsAfterItsEnd", part: "close/no handler call afterwards", closed: func(m *mutantTransport) {
			go func() {
				for range 200 {
					m.handler.Notify(nil)
					<-time.After(time.Millisecond)
				}
			}()
		}},
	}
}
