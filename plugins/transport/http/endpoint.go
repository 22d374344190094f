package httptransport

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/arrivals"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/complaints"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/lifetime"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/reach"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/report"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/roster"
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
	life       *lifetime.Lifetime
	roster     *roster.Roster[*peer]
	reporter   *report.Reporter
	book       *greetings.Book
	desk       *vouching.Desk
	unverified func() // tells the host, once, that callers prove nothing
	reach      *reach.Log
	server     *http.Server
	pace       *pace.Pace       // of snapshots being sent, and their places
	arrivals   *arrivals.Places // of snapshots being received
	complaints *complaints.Log
	intake     *intake

	mu        sync.Mutex                // guards transfers
	transfers map[transferKey]*transfer // the snapshots that come in parts
}

func newEndpoint(opts transport.Options, h transport.Handler, logger *slog.Logger, t timing) (*endpoint, error) {
	c, err := parseConfig(opts.Config)
	if err != nil {
		return nil, err
	}
	self := identity{node: opts.NodeID, cluster: opts.ClusterID, urls: opts.Advertise, oldPeers: c.OldPeers}
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
		life:       lifetime.New(),
		book:       greetings.New(h.Notify, opts.Election),
		desk:       vouching.New(opts.Election),
		reach:      reach.New(logger, causes()...),
		pace:       pace.New(c.SnapshotRate, c.MaxSnapshots, t.link),
		arrivals:   arrivals.New(c.MaxSnapshots, t.link),
		complaints: complaints.New(logger),
		intake:     newIntake(wire.MessageLimit(opts.Limits)),
		transfers:  map[transferKey]*transfer{},
	}
	e.unverified = sync.OnceFunc(func() {
		if s.members == nil {
			h.Notify([]transport.Event{{Type: pluginv1.EventType_EVENT_UNVERIFIED}})
		}
	})
	e.roster = roster.New(roster.Rules[*peer]{
		Self: self.node, URLs: s.guard.URLs, New: e.newPeer,
		Heard: func(id uint64) bool { return s.members == nil || e.desk.Stands(id) },
	})
	return e, nil
}

// Send implements shell.Endpoint.
func (e *endpoint) Send(envelopes []transport.Envelope) {
	for i := range envelopes {
		e.send(envelopes[i])
	}
}

// send passes a message to its peer, or reports why not.
func (e *endpoint) send(m transport.Envelope) {
	p := e.roster.Get(m.To)
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

// End implements shell.Endpoint.
func (e *endpoint) End() {
	e.life.End(func() {
		_ = e.server.Close()
		e.roster.Close()
	}, func() {
		e.reporter.Close()
		for _, p := range e.roster.Named() {
			p.clients.close() // of what ended after Stop
		}
	})
}

// Finished implements shell.Endpoint.
func (e *endpoint) Finished() <-chan struct{} { return e.life.Finished() }
