package core

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/defaults"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// outbox are the ports of a node whose disk takes everything at once. It has to whom
// the node has spoken.
type outbox struct {
	node *node.Node
	mu   sync.Mutex
	to   []uint64
}

func (o *outbox) Append(a node.Append) { o.node.AppendDone(a.Number) }

func (o *outbox) Send(all []transport.Envelope) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range all {
		o.to = append(o.to, e.To)
	}
}

func (*outbox) Apply(node.Apply)                 {}
func (*outbox) SendSnapshot(node.SnapshotSend)   {}
func (*outbox) SnapshotWanted()                  {}
func (*outbox) Fetch(node.Fetch)                 {}
func (*outbox) Read(node.Read)                   {}
func (*outbox) Rejected([]node.RequestID, error) {}
func (*outbox) Unanswered([]node.RequestID)      {}
func (*outbox) StateChanged(node.State)          {}

// A node that is built anew, because the storage failed say, is told what was judged
// before: it asks for no votes while its member must not vote.
func TestANodeThatIsBuiltAnewIsBarredAsTheOneBefore(t *testing.T) {
	for _, bar := range []bool{true, false} {
		h := &Host{}
		h.identity = newIdentity(h)
		h.identity.last = verdict{bar: bar}
		c, err := node.NewCore(node.Config{
			MaxAppends: defaults.MaxInflightAppends, MaxPending: defaults.MaxPending, MaxPendingBytes: defaults.MaxPendingBytes,
			ID: 1, Group: 1, ElectionTicks: 10, HeartbeatTicks: 1, Limits: plugins.DefaultLimits(),
			State: storage.State{FirstIndex: 1},
			Bootstrap: []member.Member{
				{ID: 1, Name: "n1", PeerURLs: []string{"http://h:1"}}, {ID: 2, Name: "n2", PeerURLs: []string{"http://h:2"}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		o := &outbox{}
		o.node = node.New(c, o)
		h.identity.remind(o.node)
		stop, ended, ticks := make(chan struct{}), make(chan error, 1), make(chan time.Time)
		go func() { ended <- o.node.Run(stop, ticks) }()
		for range 100 {
			ticks <- time.Now()
		}
		close(stop)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if asked := slices.Contains(o.to, 2); asked == bar {
			t.Errorf("barred: %v; it asked the other one for votes: %v", bar, asked)
		}
	}
}

// A member that the log has no store of yet, because it made contact a moment ago,
// is known by the store that it showed then. A registered store counts for more.
func TestAMemberThatIsNotRegisteredIsKnownByTheStoreThatItShowed(t *testing.T) {
	h := &Host{cfg: Config{ID: 1}}
	h.identity = newIdentity(h)
	h.identity.pins = open(t, t.TempDir())
	h.identity.pins.pin(2, 0xb)
	h.identity.pins.pin(3, 0xc)
	registry := &member.Registry{}
	for id := member.ID(1); id <= 3; id++ {
		var err error
		m := member.Member{ID: id, Name: id.String(), PeerURLs: []string{"http://" + id.String() + ":1"}}
		if registry, err = registry.Apply(member.Change{Op: member.Add, Member: m}, uint64(id), 1); err != nil {
			t.Fatal(err)
		}
	}
	registry = registry.Register(member.Registration{Number: 7, Stores: []member.MemberStore{{ID: 3, Store: 0xcc}}})
	want := map[uint64]uint64{2: 0xb, 3: 0xcc}
	for _, p := range h.peerSet(registry).Peers {
		if p.Store != want[p.Id] {
			t.Errorf("member %x must show %x, not %x", p.Id, p.Store, want[p.Id])
		}
		delete(want, p.Id)
	}
	if len(want) > 0 {
		t.Errorf("the transports were not told of %v", want)
	}
}
