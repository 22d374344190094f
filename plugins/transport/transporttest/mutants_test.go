package transporttest_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/mutants"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// mutantPatience is short: a mutant is meant to keep the kit waiting.
const mutantPatience = time.Second

// TestMutants runs the kit on transports that are sound but for one fault each,
// in a process of its own, and expects that it fails them, in the part of the
// kit that is about that fault.
func TestMutants(t *testing.T) {
	mutants.OnlyParent(t)
	seen := map[string]bool{}
	for _, m := range allMutants() {
		if seen[m.name] {
			t.Fatalf("two mutants are called %s", m.name)
		}
		seen[m.name] = true
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			mutants.Fails(t, m.name, m.part, "TR")
		})
	}
}

// TestNoMutant: the wrapper that mutants are made of has no fault of its own.
func TestNoMutant(t *testing.T) {
	mutants.OnlyParent(t)
	transporttest.Run(t, mutantHarness(mutant{}))
}

// TestMutantChild is what the child processes run.
func TestMutantChild(t *testing.T) {
	name := mutants.Child(t)
	for _, m := range allMutants() {
		if m.name == name {
			h := mutantHarness(m)
			h.Patience = mutantPatience
			transporttest.Run(t, h)
			return
		}
	}
	t.Fatalf("there is no mutant %q", name)
}

func mutantHarness(m mutant) transporttest.Harness {
	var mu sync.Mutex
	networks := map[string]*transporttest.Network{}
	shared := &sync.Mutex{}
	return transporttest.Harness{
		New: func(t *testing.T) transport.Transport {
			mu.Lock()
			defer mu.Unlock()
			if networks[t.Name()] == nil {
				networks[t.Name()] = transporttest.NewNetwork()
			}
			return &mutantTransport{Transport: networks[t.Name()].New(), fault: m, shared: shared, lost: map[uint64]bool{}}
		},
		URL: transporttest.URL, Proves: true,
		Strangers: []transporttest.Stranger{
			{Name: "of another cluster", Cluster: 0xc2, Config: func(*testing.T, uint64, uint64) []byte { return nil }},
		},
	}
}

// A mutant is one fault: each function that is set stands in the place of the
// transport's own, or of what the host sees of it.
type mutant struct {
	name, part string

	describe func(info plugins.Info) plugins.Info
	open     func(m *mutantTransport, o transport.Options) transport.Options
	again    func(err error) error // of Open while it is open
	setPeers func(m *mutantTransport, set transport.PeerSet) transport.PeerSet
	send     func(m *mutantTransport, envelopes []transport.Envelope) []transport.Envelope
	sent     func(m *mutantTransport, err error) error // what Send returns
	snapshot func(m *mutantTransport, ctx context.Context, h transport.SnapshotHeader, r io.Reader) error
	closed   func(m *mutantTransport) // after Close
	ping     func(m *mutantTransport, ctx context.Context, p transport.Peer) error

	deliver func(m *mutantTransport, envelopes []transport.Envelope)
	notify  func(m *mutantTransport, events []transport.Event) []transport.Event
	receive func(r io.Reader) io.Reader
}

// mutantTransport is a transport of a Network with one fault, and the handler
// that it opens it with.
type mutantTransport struct {
	transport.Transport
	fault   mutant
	handler transport.Handler
	shared  *sync.Mutex // of all transports of a harness

	mu    sync.Mutex
	count int
	lost  map[uint64]bool
	known map[uint64][]string
	late  []transport.Event
	set   transport.PeerSet
}

func (m *mutantTransport) Describe() plugins.Info {
	info := m.Transport.Describe()
	if m.fault.describe != nil {
		info = m.fault.describe(info)
	}
	return info
}

func (m *mutantTransport) Open(ctx context.Context, o transport.Options, h transport.Handler) (string, error) {
	if m.handler != nil { // it is open: the handler that it has stays
		_, err := m.Transport.Open(ctx, o, h)
		if m.fault.again != nil {
			err = m.fault.again(err)
		}
		return "", err
	}
	m.handler = h
	if m.fault.open != nil {
		o = m.fault.open(m, o)
	}
	return m.Transport.Open(ctx, o, mutantHandler{m})
}

func (m *mutantTransport) SetPeers(ctx context.Context, set transport.PeerSet) error {
	if m.fault.setPeers != nil {
		set = m.fault.setPeers(m, set)
	}
	return m.Transport.SetPeers(ctx, set)
}

func (m *mutantTransport) Send(ctx context.Context, envelopes []transport.Envelope) error {
	if m.fault.send != nil {
		envelopes = m.fault.send(m, envelopes)
	}
	err := m.Transport.Send(ctx, envelopes)
	if m.fault.sent != nil {
		err = m.fault.sent(m, err)
	}
	return err
}

func (m *mutantTransport) SendSnapshot(ctx context.Context, h transport.SnapshotHeader, r io.Reader) error {
	if m.fault.snapshot != nil {
		return m.fault.snapshot(m, ctx, h, r)
	}
	return m.Transport.SendSnapshot(ctx, h, r)
}

func (m *mutantTransport) Close(ctx context.Context) error {
	err := m.Transport.Close(ctx)
	if m.fault.closed != nil {
		m.fault.closed(m)
	}
	return err
}

func (m *mutantTransport) Ping(ctx context.Context, p transport.Peer) error {
	if m.fault.ping != nil {
		return m.fault.ping(m, ctx, p)
	}
	return m.Transport.(transport.Pinger).Ping(ctx, p)
}

// next counts the calls.
func (m *mutantTransport) next() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count++
	return m.count
}

// mutantHandler stands between the network and the host.
type mutantHandler struct{ m *mutantTransport }

func (h mutantHandler) Deliver(envelopes []transport.Envelope) {
	if h.m.fault.deliver != nil {
		h.m.fault.deliver(h.m, envelopes)
		return
	}
	h.m.handler.Deliver(envelopes)
}

func (h mutantHandler) Notify(events []transport.Event) {
	if h.m.fault.notify != nil {
		events = h.m.fault.notify(h.m, events)
	}
	h.m.handler.Notify(events)
}

func (h mutantHandler) ReceiveSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error {
	if h.m.fault.receive != nil {
		r = h.m.fault.receive(r)
	}
	return h.m.handler.ReceiveSnapshot(ctx, header, r)
}
