package quictransport

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"github.com/quic-go/quic-go"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/arrivals"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/complaints"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/reach"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/refusals"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/report"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/vouching"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
)

// endpoint is an open transport.
type endpoint struct {
	self       identity
	group      uint64
	maxMessage int
	config     config
	security   security
	timing     timing
	logger     *slog.Logger
	handler    transport.Handler
	reporter   *report.Reporter
	book       *greetings.Book
	desk       *vouching.Desk
	unverified func() // tells the host, once, that callers prove nothing
	reach      *reach.Log
	pace       *pace.Pace       // of snapshots being sent, and their places
	arrivals   *arrivals.Places // of snapshots being received
	complaints *complaints.Log
	doors      *doors
	socket     net.PacketConn
	quic       *quic.Transport

	ctx      context.Context // ends when closing begins
	cancel   context.CancelFunc
	finished chan struct{} // closed when nothing runs any more

	// running counts goroutines and calls. They are added through goRunning
	// and enter, or by one that is counted already, so that none starts after
	// closing has begun to wait.
	running sync.WaitGroup

	mu      sync.Mutex // guards closing and changes of the sets
	closing bool
	peers   atomic.Pointer[map[uint64]*peer]
	removed atomic.Pointer[map[uint64]transport.RemovedMember]
	learned map[uint64]learnedPeer // needs mu
}

// identity is who this node is and what it tells each peer. run tells one
// life of it from the next.
type identity struct {
	node, cluster, run uint64
	urls               []string
}

func newEndpoint(opts transport.Options, h transport.Handler, logger *slog.Logger, t timing) (*endpoint, error) {
	c, err := parseConfig(opts.Config)
	if err != nil {
		return nil, err
	}
	var run [8]byte
	if _, err := rand.Read(run[:]); err != nil {
		return nil, err
	}
	self := identity{
		node: opts.NodeID, cluster: opts.ClusterID, run: binary.BigEndian.Uint64(run[:]), urls: opts.Advertise,
	}
	s, err := newSecurity(c, self, logger)
	if err != nil {
		return nil, err
	}
	if err := s.guard.Own(opts); err != nil {
		return nil, err
	}
	e := &endpoint{
		self:       self,
		group:      opts.Group,
		maxMessage: wire.MessageLimit(opts.Limits),
		config:     c,
		security:   s,
		timing:     t,
		logger:     logger,
		handler:    h,
		book:       greetings.New(h.Notify, opts.Election),
		desk:       vouching.New(opts.Election),
		reach:      reach.New(logger, causes()...),
		pace:       pace.New(c.SnapshotRate, c.MaxSnapshots, t.link),
		arrivals:   arrivals.New(c.MaxSnapshots, t.link),
		complaints: complaints.New(logger),
		doors:      newDoors(c.MaxConnections, c.MaxConnectionsPerAddress, func(address string) { s.refusals.Called(address, refusals.ErrTooMany) }),
		finished:   make(chan struct{}),
		learned:    map[uint64]learnedPeer{},
	}
	e.unverified = sync.OnceFunc(func() {
		if !s.authenticated() {
			h.Notify([]transport.Event{{Type: pluginv1.EventType_EVENT_UNVERIFIED}})
		}
	})
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.peers.Store(&map[uint64]*peer{})
	e.removed.Store(&map[uint64]transport.RemovedMember{})
	return e, nil
}

// goRunning starts f unless closing has begun.
func (e *endpoint) goRunning(f func()) bool {
	if !e.enter() {
		return false
	}
	go func() {
		defer e.running.Done()
		f()
	}()
	return true
}

// enter counts the caller as running unless closing has begun.
func (e *endpoint) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		return false
	}
	e.running.Add(1)
	return true
}

// send passes a message to its peer, or reports why not.
func (e *endpoint) send(m transport.Envelope) {
	p := e.peer(m.To)
	switch {
	case p == nil:
		e.reporter.Unreachable(m.To, transport.ErrUnknownPeer.Error())
	case m.Group != e.group:
		e.reporter.Unreachable(m.To, fmt.Sprintf("message of group %d on a transport of group %d", m.Group, e.group))
	case len(m.Payload) > e.maxMessage:
		e.reporter.Unreachable(m.To, fmt.Sprintf("message of %d bytes, limit %d", len(m.Payload), e.maxMessage))
	default:
		p.send(m)
	}
}

// beginClose ends everything and closes finished when it has ended. Only the
// first call has an effect.
func (e *endpoint) beginClose() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		return
	}
	e.closing = true
	e.cancel()
	peers := e.everybody()
	go func() {
		defer close(e.finished)
		for _, p := range peers {
			p.stop()
		}
		e.running.Wait()
		e.reporter.Close()
		_ = e.quic.Close()
		_ = e.socket.Close()
	}()
}

// everybody is all peers, learned ones included. It needs e.mu.
func (e *endpoint) everybody() []*peer {
	var all []*peer
	for _, p := range *e.peers.Load() {
		all = append(all, p)
	}
	for _, l := range e.learned {
		all = append(all, l.peer)
	}
	return all
}
