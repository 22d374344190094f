package connections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/repeats"
	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/arrivals"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/intake"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/reach"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/refusals"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/sendqueue"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/vouching"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
)

const (
	// queueBytes bounds what waits for a connection.
	queueBytes = 64 << 20
	// mostCallers is how many connections others may have to this node.
	mostCallers = 512
)

// A node is the transport: it dials each peer for what it sends to it, and is dialled for
// what it gets.
type node struct {
	backend Backend
	logger  *slog.Logger
	ctx     context.Context // ends when Close begins
	end     context.CancelFunc
	running sync.WaitGroup // goroutines and calls

	// Set by Open.
	opts      transport.Options
	handler   transport.Handler
	network   Network
	listener  net.Listener
	identity  *peertls.Identity // nil without certificates
	desk      *vouching.Desk    // who of the callers that prove who they are is heard; nil without certificates
	refusals  *refusals.Refusals
	book      *greetings.Book  // who may talk to whom
	reach     *reach.Log       // why a peer is not reached
	snapshots *arrivals.Places // those that arrive
	intake    *intake.Intake   // of large frames that have not come to their end

	mu           sync.Mutex // guards what follows
	opened, told bool
	peers        map[uint64]*peer
	removed      map[uint64]transport.RemovedMember
	links        map[*link]bool
	callers      []*link        // accepted, the oldest first
	standing     map[uint64]int // how many of links a peer has
	gaveWay      repeats.Line   // what the log says of callers that did
}

var (
	_ transport.Transport = (*node)(nil)
	_ transport.Pinger    = (*node)(nil)
)

// New returns a transport that is not open yet. A nil logger says nothing.
func New(logger *slog.Logger, b Backend) transport.Transport {
	n := &node{backend: withPing(b), logger: cmp.Or(logger, slog.New(slog.DiscardHandler)), peers: map[uint64]*peer{}, links: map[*link]bool{}, standing: map[uint64]int{}}
	n.ctx, n.end = context.WithCancel(context.Background())
	return n
}

// Describe implements transport.Transport.
func (n *node) Describe() plugins.Info { return n.backend.Info }

// Open implements transport.Transport.
func (n *node) Open(ctx context.Context, opts transport.Options, h transport.Handler) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.ctx.Err() != nil:
		return "", plugins.ErrClosed
	case n.opened:
		return "", fmt.Errorf("%w: open already", plugins.ErrInvalidArgument)
	}
	network, err := n.backend.Configure(opts.Config)
	if err != nil {
		return "", err
	}
	n.opts, n.refusals = opts, refusals.New(n.logger, "")
	if n.identity, err = n.certificates(network); err != nil {
		return "", err
	}
	l, err := network.Listen(ctx, opts.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("listen on %s: %w", opts.Listen, transport.ErrAddressInUse)
	}
	if err != nil {
		return "", err
	}
	n.opened, n.handler, n.network, n.listener = true, h, network, l
	n.book, n.reach = greetings.New(h.Notify, opts.Election), reach.New(n.logger)
	n.snapshots, n.intake = arrivals.New(transport.MostSnapshots, silence), intake.New(2*wire.MessageLimit(opts.Limits)) // for each lane
	if n.identity != nil {
		n.desk = vouching.New(opts.Election)
		n.running.Go(func() { n.identity.Watch(n.ctx) })
	}
	n.running.Go(n.accept)
	return l.Addr().String(), nil
}

// enter counts a call or a goroutine, for which Close waits, unless the node is not open.
func (n *node) enter() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.ctx.Err() != nil:
		return plugins.ErrClosed
	case !n.opened:
		return plugins.ErrNotOpen
	}
	n.running.Add(1)
	return nil
}

// SetPeers implements transport.Transport. Connections stay, but for those of peers that are
// gone and those that the set contradicts.
func (n *node) SetPeers(_ context.Context, set transport.PeerSet) (err error) {
	if err := n.enter(); err != nil {
		return err
	}
	defer n.running.Done()
	n.mu.Lock()
	defer n.mu.Unlock()
	ending := map[uint64]bool{}
	for _, id := range n.book.Set(set) {
		ending[id] = true
	}
	n.reach.Set(set)
	if n.desk != nil {
		n.desk.Set(set)
	}
	if !n.told && n.identity == nil {
		n.told = true
		n.tell(transport.Event{Type: pluginv1.EventType_EVENT_UNVERIFIED}) // callers prove nothing
	}
	n.removed = map[uint64]transport.RemovedMember{}
	for _, m := range set.Removed {
		n.removed[m.Id], ending[m.Id] = m, true
	}
	gone := n.peers
	n.peers = map[uint64]*peer{}
	for _, p := range set.Peers {
		delete(n.removed, p.Id)
		known := gone[p.Id]
		if known == nil {
			known = n.newPeer(p.Id)
		}
		delete(gone, p.Id)
		n.peers[p.Id] = known
		err = errors.Join(err, known.setURLs(p.Urls))
	}
	for id, p := range gone {
		p.end()
		ending[id] = true
	}
	for l := range n.links {
		if ending[l.peer] {
			_ = l.conn.Close()
			continue
		}
		n.book.Named(l.peer)
		wake.Up(l.renamed)
	}
	return err
}

// Send implements transport.Transport.
func (n *node) Send(_ context.Context, envelopes []transport.Envelope) error {
	if err := n.enter(); err != nil {
		return err
	}
	defer n.running.Done()
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range envelopes {
		m := &envelopes[i]
		p := n.peers[m.To]
		switch {
		case p == nil:
			n.lost(m.To, transport.ErrUnknownPeer.Error())
		case m.Group != n.opts.Group || m.Class == pluginv1.MessageClass_CLASS_SNAPSHOT:
			n.lost(m.To, "it is no message of this group")
		case len(m.Payload) > n.opts.Limits.MaxMessageBytes():
			n.lost(m.To, fmt.Sprintf("a message of %d bytes", len(m.Payload)))
		default:
			if q := p.lane(m.Class).queue.Load(); q == nil || q.Put(*m) != sendqueue.Accepted {
				n.lost(m.To, "there is no connection, or its queue is full")
			}
		}
	}
	return nil
}

func (n *node) tell(e transport.Event) { n.handler.Notify([]transport.Event{e}) }

// lost tells the host that a message to a peer may not arrive.
func (n *node) lost(peer uint64, why string) {
	n.tell(transport.Event{Type: pluginv1.EventType_EVENT_UNREACHABLE, Peer: peer, Detail: why})
}

// Close implements transport.Transport.
func (n *node) Close(ctx context.Context) error {
	n.mu.Lock()
	n.end()
	opened := n.opened
	n.mu.Unlock()
	if !opened {
		return nil
	}
	_ = n.listener.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.running.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close: %w", ctx.Err())
	}
}
