package shell

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"sync"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/membercert"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/arrivals"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/complaints"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/guard"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/lifetime"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/reach"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/report"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/roster"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/settings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/trust"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/vouching"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
)

// A Peer is what a backend has of another member: its links.
type Peer interface {
	roster.Peer
	// ID is the member's.
	ID() uint64
	// Context ends with the peer, and Living with the connections that stand now.
	Context() context.Context
	Living() context.Context
	// Send sends a message or reports that it was lost. It does not wait.
	Send(m transport.Envelope)
	// SendSnapshot sends one snapshot and returns the receiver's verdict.
	SendSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error
	// Identify asks who answers under a URL, without touching a connection. There is
	// no error if it is this peer.
	Identify(ctx context.Context, u *url.URL) error
	// Vouches asks the peer whether it knows a member.
	Vouches(ctx context.Context, about uint64) vouching.Answer
}

// A Station is what the endpoints of all backends have in common: they embed it. Its
// fields do not change after Begin, and its methods may be called at any time by
// anyone.
type Station[P Peer] struct {
	Node       uint64 // this one
	Group      uint64
	MaxMessage int // bytes
	Logger     *slog.Logger
	Handler    transport.Handler
	Trust      trust.Trust
	Life       *lifetime.Lifetime
	Roster     *roster.Roster[P]
	Reporter   *report.Reporter // made by Begin
	Book       *greetings.Book
	Desk       *vouching.Desk
	Reach      *reach.Log
	Pace       *pace.Pace       // of snapshots being sent, and their places
	Arrivals   *arrivals.Places // of snapshots being received
	Complaints *complaints.Log

	dial       time.Duration
	metrics    string
	unverified func() // tells the host, once, that callers prove nothing
}

// Parts are what a backend makes its Station from.
type Parts[P Peer] struct {
	// Name is the backend's.
	Name     string
	Logger   *slog.Logger
	Settings settings.Settings
	// Guard is that of connections without certificates.
	Guard guard.Guard
	// New makes a peer. It is not called before NewStation has returned.
	New    func(id uint64, remote bool) P
	Timing Timing
	// Causes are the backend's own reasons why a peer is not reached.
	Causes []reach.Cause
}

// NewStation returns the station of an endpoint that does not listen yet. Errors are those
// of transport.Transport's Open.
func NewStation[P Peer](opts transport.Options, h transport.Handler, parts Parts[P]) (Station[P], error) {
	metrics := "pontoon_transport_" + parts.Name + "_"
	self := membercert.Name{Cluster: opts.ClusterID, Member: opts.NodeID}
	t, err := trust.Open(parts.Settings, parts.Guard, self, parts.Logger, metrics)
	if err == nil {
		err = t.Guard.Own(opts)
	}
	if err != nil {
		return Station[P]{}, err
	}
	desk := vouching.New(opts.Election)
	return Station[P]{
		Node:       opts.NodeID,
		Group:      opts.Group,
		MaxMessage: wire.MessageLimit(opts.Limits),
		Logger:     parts.Logger,
		Handler:    h,
		Trust:      t,
		Life:       lifetime.New(),
		Roster: roster.New(roster.Rules[P]{
			Self: opts.NodeID, URLs: t.Guard.URLs, New: parts.New,
			Heard: func(id uint64) bool { return !t.Proven() || desk.Stands(id) },
		}),
		Book:       greetings.New(h.Notify, opts.Election),
		Desk:       desk,
		Reach:      reach.New(parts.Logger, parts.Causes...),
		Pace:       pace.New(parts.Settings.SnapshotRate, parts.Settings.MaxSnapshots, parts.Timing.Link),
		Arrivals:   arrivals.New(parts.Settings.MaxSnapshots, parts.Timing.Link),
		Complaints: complaints.New(parts.Logger),
		dial:       parts.Timing.Dial,
		metrics:    metrics,
		unverified: sync.OnceFunc(func() {
			if !t.Proven() {
				h.Notify([]transport.Event{{Type: pluginv1.EventType_EVENT_UNVERIFIED}})
			}
		}),
	}, nil
}

// Begin starts what runs as long as the endpoint listens. Closing the Reporter is
// the last that is called when the Life ends.
func (s *Station[P]) Begin() {
	s.Reporter = report.New(s.Handler.Notify)
	s.Life.Go(func() { s.Trust.Watch(s.Life.Context()) })
}

// Finished implements Endpoint.
func (s *Station[P]) Finished() <-chan struct{} { return s.Life.Finished() }

// Send implements Endpoint.
func (s *Station[P]) Send(envelopes []transport.Envelope) {
	for i := range envelopes {
		if p := s.addressee(&envelopes[i]); p != *new(P) {
			p.Send(envelopes[i])
		}
	}
}

// addressee is the peer that a message goes to. Without one, which is the zero
// value, the message is reported.
func (s *Station[P]) addressee(m *transport.Envelope) P {
	p, nobody := s.Roster.Get(m.To), *new(P)
	switch {
	case p == nobody:
		s.Reporter.Unreachable(m.To, transport.ErrUnknownPeer.Error())
	case m.Group != s.Group:
		s.Reporter.Unreachable(m.To, fmt.Sprintf("message of group %d on a transport of group %d", m.Group, s.Group))
	case len(m.Payload) > s.MaxMessage:
		s.Reporter.Unreachable(m.To, fmt.Sprintf("message of %d bytes, limit %d", len(m.Payload), s.MaxMessage))
	default:
		return p
	}
	return nobody
}

// Change makes set what is known of others and said of this node, and returns the
// members whose connections it contradicts. The book has it first: a connection begun
// with what was there before is among these, or finds out itself (Book.Stands).
func (s *Station[P]) Change(set transport.PeerSet) (broken []uint64, err error) {
	broken = s.Book.Set(set)
	s.Desk.Set(set)
	s.unverified()
	s.Reach.Set(set)
	return broken, s.Roster.Set(set)
}
