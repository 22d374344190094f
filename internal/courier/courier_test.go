package courier

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/shortdir"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeHost remembers what its courier tells it.
type fakeHost struct {
	Host
	courier *Courier

	lost, left []member.ID
	parted     func()
}

func (h *fakeHost) Lost(peers []member.ID) { h.lost = append(h.lost, peers...) }
func (h *fakeHost) Left(peer member.ID)    { h.left = append(h.left, peer) }
func (h *fakeHost) Joined(member.ID)       {}

func (h *fakeHost) Greeted(member.ID, transport.Greeting) {}

func (h *fakeHost) Parted() {
	if h.parted != nil {
		h.parted()
	}
}

// bearer is a transport that takes everything. Its snapshots end with an error.
type bearer struct {
	transport.Transport
	verdict error
	sent    int
	asked   int
}

func (b *bearer) Send(_ context.Context, all []transport.Envelope) error {
	b.sent += len(all)
	return nil
}

func (b *bearer) SendSnapshot(context.Context, transport.SnapshotHeader, io.Reader) error {
	b.asked++
	return b.verdict
}

// newTwo makes a courier with two transports that run, of the schemes a and b. Peer 2
// has a URL for both, 3 for the first, and 4 for none.
func newTwo(t *testing.T) (*fakeHost, [2]*bearer) {
	t.Helper()
	h := &fakeHost{}
	c := New(Options{Host: h, Logger: slog.New(slog.DiscardHandler), Tick: time.Second, Election: time.Minute})
	c.routes = newRoutes(2, time.Minute)
	h.courier = c
	var all [2]*bearer
	for n, scheme := range []string{"a", "b"} {
		all[n] = &bearer{}
		k := &carrier{
			courier: c, number: n, name: scheme, reach: reach{known: true, schemes: []string{scheme}},
			wake: make(chan struct{}, 1), peersWake: make(chan struct{}, 1),
		}
		var running transport.Transport = all[n]
		k.transport.Store(&running)
		c.carriers = append(c.carriers, k)
		c.started(k)
	}
	c.SetPeers(transport.PeerSet{Peers: []transport.Peer{
		{Id: 2, Urls: []string{"a://n2", "b://n2"}}, {Id: 3, Urls: []string{"a://n3"}}, {Id: 4, Urls: []string{"x://n4"}},
	}})
	return h, all
}

// A transport that has ended has lost what it was given and what waited for it. The host
// is told of those peers alone, and finds that they are not connected any more.
func TestTheEndOfATransportIsTold(t *testing.T) {
	h, _ := newTwo(t)
	c := h.courier
	c.connection(c.carriers[0], &catalog.Instance{}, 2, true)
	c.Send([]transport.Envelope{{To: 2}})
	told := false
	h.parted = func() { told = !c.Connected(2) }
	c.ended(c.carriers[0])
	if !told {
		t.Error("the host was not told that a transport has parted, or too early")
	}
	if !slices.Equal(h.lost, []member.ID{2}) {
		t.Errorf("messages were lost to %v, want member 2", h.lost)
	}
	if c.carriers[0].waiting != nil {
		t.Error("what waited for the transport waits for its next life")
	}
}

// Messages that wait for a member that is not a peer yet, as the leader of one that
// joins, are not lost in silence either.
func TestWhatWaitsForAStrangerIsTold(t *testing.T) {
	h, _ := newTwo(t)
	c := h.courier
	c.Send([]transport.Envelope{{To: 9}, {To: 3}, {To: 9}})
	c.ended(c.carriers[0])
	if !slices.Equal(h.lost, []member.ID{3, 9}) {
		t.Errorf("messages were lost to %v, want members 3 and 9", h.lost)
	}
}

// A peer has left when none of the transports has a connection to it.
func TestAPeerLeavesWithItsLastConnection(t *testing.T) {
	h, _ := newTwo(t)
	c := h.courier
	tell := func(k int, what pluginv1.EventType) {
		handler{c: c, by: c.carriers[k], instance: &catalog.Instance{}, since: time.Now()}.Notify([]transport.Event{{Type: what, Peer: 2}})
	}
	for k := range c.carriers {
		c.connection(c.carriers[k], &catalog.Instance{}, 2, true)
	}
	tell(0, pluginv1.EventType_EVENT_INACTIVE)
	if len(h.left) > 0 || !c.Connected(2) {
		t.Error("the peer has left, and one transport has a connection to it")
	}
	tell(1, pluginv1.EventType_EVENT_INACTIVE)
	if !slices.Equal(h.left, []member.ID{2}) || c.Connected(2) {
		t.Errorf("%v have left", h.left)
	}
}

// Law 7: the host is told of what cannot be queued: because no transport reaches the
// peer, because the one that does is being restarted, or because there is no room.
func TestWhatCannotBeQueuedIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		to     uint64
		before func(*carrier)
	}{
		"no way":        {4, func(*carrier) {}},
		"not there":     {3, func(k *carrier) { k.transport.Store(nil) }},
		"no room":       {3, func(k *carrier) { k.bytes = maxCarrierBytes + controlRoom }},
		"room and ways": {3, func(*carrier) {}},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := newTwo(t)
			first := h.courier.carriers[0]
			c.before(first)
			h.courier.Send([]transport.Envelope{{To: c.to}, {To: c.to}})
			if name == "room and ways" {
				if len(h.lost) > 0 || len(first.waiting) != 2 {
					t.Errorf("%d messages wait, and are lost to %v", len(first.waiting), h.lost)
				}
				return
			}
			if !slices.Equal(h.lost, []member.ID{member.ID(c.to)}) || len(first.waiting) > 0 {
				t.Errorf("%d messages wait, and are lost to %v", len(first.waiting), h.lost)
			}
		})
	}
}

// A snapshot that does not reach its peer by one transport goes by the other one the
// next time; one that the peer refuses tells nothing of the way.
func TestTheNextSnapshotGoesAnotherWay(t *testing.T) {
	for _, c := range []struct {
		verdict       error
		first, second int
	}{
		{transport.ErrUnreachable, 1, 1},
		{transport.ErrSnapshotRefused, 2, 0},
	} {
		h, by := newTwo(t)
		by[0].verdict = c.verdict
		for range 2 {
			_ = h.courier.SendSnapshot(t.Context(), transport.SnapshotHeader{To: 2}, strings.NewReader("")) // counted
		}
		if by[0].asked != c.first || by[1].asked != c.second {
			t.Errorf("%v: %d go by the first transport and %d by the second", c.verdict, by[0].asked, by[1].asked)
		}
		if err := h.courier.SendSnapshot(t.Context(), transport.SnapshotHeader{To: 4}, nil); !errors.Is(err, transport.ErrUnreachable) {
			t.Errorf("a snapshot that no transport can carry: %v", err)
		}
	}
}

// BenchmarkCourier is what three messages cost from the raft goroutine to a transport that
// takes them at once, besides the switch between the two goroutines.
func BenchmarkCourier(b *testing.B) {
	h := &fakeHost{}
	c := New(Options{Host: h, Logger: slog.New(slog.DiscardHandler), Tick: time.Second, Election: time.Minute})
	c.routes = newRoutes(1, time.Minute)
	k := &carrier{courier: c, reach: reach{known: true, schemes: []string{"a"}}, wake: make(chan struct{}, 1), peersWake: make(chan struct{}, 1)}
	var running transport.Transport = &bearer{}
	k.transport.Store(&running)
	c.carriers = append(c.carriers, k)
	c.started(k)
	c.SetPeers(transport.PeerSet{Peers: []transport.Peer{{Id: 2, Urls: []string{"a://n2"}}, {Id: 3, Urls: []string{"a://n3"}}}})
	to := startSending(b.Context(), running, time.Minute, func(err error) { b.Error(err) })
	defer to.stop()
	batch := []transport.Envelope{{To: 2}, {To: 3}, {To: 2}}
	b.ReportAllocs()
	for b.Loop() {
		c.Send(batch)
		k.flush(to)
	}
}

// An event of a transport's life that reaches the host after its end leaves no peer
// there that is not: no later event of that life would say that the peer has left.
func TestALateEventOfAnEndedTransportLeavesNoPeerThere(t *testing.T) {
	h, _ := newTwo(t)
	c := h.courier
	alive := &catalog.Instance{}
	slot, ended := endedInstance(t)
	c.carriers[0].Slot = slot
	tell := func(in *catalog.Instance, what pluginv1.EventType) {
		handler{c: c, by: c.carriers[0], instance: in, since: time.Now()}.Notify([]transport.Event{{Type: what, Peer: 2}})
	}
	for _, what := range []pluginv1.EventType{pluginv1.EventType_EVENT_GREETED, pluginv1.EventType_EVENT_ACTIVE} {
		h.left = nil
		tell(alive, what)
		if len(h.left) > 0 {
			t.Errorf("%s of a transport that runs: %v have left", what, h.left)
		}
		c.ended(c.carriers[0])
		tell(ended, what)
		if !slices.Equal(h.left, []member.ID{2}) {
			t.Errorf("%s of an ended life: %v have left, want member 2", what, h.left)
		}
		h.left = nil
		c.connection(c.carriers[1], alive, 2, true)
		tell(ended, what)
		if len(h.left) > 0 {
			t.Errorf("%s of an ended life, and another transport has a connection: %v have left", what, h.left)
		}
		c.connection(c.carriers[1], alive, 2, false)
	}
}

// endedInstance is a life of a transport that has ended.
func endedInstance(t *testing.T) (*catalog.Slot, *catalog.Instance) {
	t.Helper()
	dir, err := os.MkdirTemp(shortdir.Parent(), "courier-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	made := backend.Transport("short", func(backend.Env) transport.Transport { return shortLived{} })
	c, err := catalog.New(catalog.Options{Logger: slog.New(slog.DiscardHandler), RuntimeDir: dir, Backends: []backend.Backend{made}})
	if err != nil {
		t.Fatal(err)
	}
	slot, err := c.Slot(catalog.Spec{Kind: plugins.Transport, Name: "short", Isolation: catalog.Inproc})
	if err != nil {
		t.Fatal(err)
	}
	in, err := slot.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(in.Stop(t.Context()), c.Close()); err != nil {
		t.Fatal(err)
	}
	return slot, in
}

// shortLived is a transport that does nothing.
type shortLived struct{ transport.Transport }

func (shortLived) Describe() plugins.Info {
	return plugins.Info{Kind: plugins.Transport, Name: "short"}
}
func (shortLived) Close(context.Context) error { return nil }
