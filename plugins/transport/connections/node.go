package connections

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/repeats"
	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/arrivals"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/intake"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/lifetime"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/reach"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/refusals"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/sendqueue"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/shell"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/vouching"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
)

const (
	// queueBytes bounds what waits for a connection.
	queueBytes = 64 << 20
	// mostCallers is how many connections others may have to this node.
	mostCallers = 512
)

// A node is an open transport: it dials each peer for what it sends to it, and is dialled for
// what it gets.
type node struct {
	backend   Backend
	logger    *slog.Logger
	life      *lifetime.Lifetime
	opts      transport.Options
	handler   transport.Handler
	network   Network
	listener  net.Listener      // set by Listen
	identity  *peertls.Identity // nil without certificates
	desk      *vouching.Desk    // who of the callers that prove who they are is heard; nil without certificates
	refusals  *refusals.Refusals
	book      *greetings.Book  // who may talk to whom
	reach     *reach.Log       // why a peer is not reached
	snapshots *arrivals.Places // those that arrive
	intake    *intake.Intake   // of large frames that have not come to their end

	mu       sync.Mutex // guards what follows
	told     bool
	peers    map[uint64]*peer
	removed  map[uint64]transport.RemovedMember
	links    map[*link]bool
	callers  []*link        // accepted, the oldest first
	standing map[uint64]int // how many of links a peer has
	gaveWay  repeats.Line   // what the log says of callers that did
}

// New returns a transport that is not open yet. A nil logger says nothing.
func New(logger *slog.Logger, b Backend) transport.Transport {
	return shell.Of(logger, b.Info, func(time.Duration) struct{} { return struct{}{} },
		func(opts transport.Options, h transport.Handler, logger *slog.Logger, _ struct{}) (shell.Endpoint, error) {
			return newNode(b, opts, h, logger)
		})
}

func newNode(b Backend, opts transport.Options, h transport.Handler, logger *slog.Logger) (shell.Endpoint, error) {
	network, err := b.Configure(opts.Config)
	if err != nil {
		return nil, err
	}
	n := &node{
		backend: b, logger: logger, life: lifetime.New(), opts: opts, handler: h, network: network, refusals: refusals.New(logger, ""),
		book: greetings.New(h.Notify, opts.Election), reach: reach.New(logger), snapshots: arrivals.New(transport.MostSnapshots, silence),
		intake: intake.New(2 * wire.MessageLimit(opts.Limits)), // for each lane
		peers:  map[uint64]*peer{}, links: map[*link]bool{}, standing: map[uint64]int{},
	}
	n.identity, err = n.certificates(network)
	if n.identity != nil {
		n.desk = vouching.New(opts.Election)
	}
	return n, err
}

// Listen implements shell.Endpoint.
func (n *node) Listen(ctx context.Context, address string) (string, error) {
	l, err := n.network.Listen(ctx, address)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("listen on %s: %w", address, transport.ErrAddressInUse)
	}
	if err != nil {
		return "", err
	}
	n.listener = l
	if n.identity != nil {
		n.life.Go(func() { n.identity.Watch(n.life.Context()) })
	}
	n.life.Go(n.accept)
	return l.Addr().String(), nil
}

// SetPeers implements shell.Endpoint. Connections stay, but for those of peers that are
// gone and those that the set contradicts.
func (n *node) SetPeers(set transport.PeerSet) (err error) {
	if !n.life.Enter() {
		return plugins.ErrClosed
	}
	defer n.life.Leave()
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

// Send implements shell.Endpoint.
func (n *node) Send(envelopes []transport.Envelope) {
	if !n.life.Enter() {
		return
	}
	defer n.life.Leave()
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
}

func (n *node) tell(e transport.Event) { n.handler.Notify([]transport.Event{e}) }

// lost tells the host that a message to a peer may not arrive.
func (n *node) lost(peer uint64, why string) {
	n.tell(transport.Event{Type: pluginv1.EventType_EVENT_UNREACHABLE, Peer: peer, Detail: why})
}

// WriteMetrics implements shell.Endpoint: there are none.
func (n *node) WriteMetrics(io.Writer) error { return nil }

// End implements shell.Endpoint.
func (n *node) End() { n.life.End(func() { _ = n.listener.Close() }, func() {}) }

// Finished implements shell.Endpoint.
func (n *node) Finished() <-chan struct{} { return n.life.Finished() }
