package api

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// A sharedConnection is one connection of the client port, for the clients whose
// requests it has carried: it counts as one of each. A nil one counts for no client.
type sharedConnection struct {
	mu      sync.Mutex
	clients []*access.Client
	over    bool
}

// limit takes a request of the client from its limit, and the connection if this
// is its first request there. The outcome of the request makes no difference.
func (s *sharedConnection) limit(g *access.Guard, id access.Identity, now time.Time) error {
	c := g.Client(id, now)
	if c == nil {
		return nil
	}
	defer g.Release(c)
	if err := s.join(g, c); err != nil {
		return err
	}
	return c.Request(now)
}

func (s *sharedConnection) join(g *access.Guard, c *access.Client) error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || slices.Contains(s.clients, c) {
		return nil
	}
	if err := c.Connect(); err != nil {
		return err
	}
	g.Share(c)
	s.clients = append(s.clients, c)
	return nil
}

// end takes the connection from those that it counts for.
func (s *sharedConnection) end(g *access.Guard) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	for _, c := range s.clients {
		c.Disconnect()
		g.Release(c)
	}
	s.clients = nil
}

// forClient is the service for requests of one client, which is nil without a limit: its
// proposals count against its limit. Release must be called when no more come. Without
// a limit it is the service itself.
func (r *requests) forClient(ctx context.Context) (svc server.Service, c *access.Client, release func()) {
	id, _ := access.From(ctx)
	c = r.guard.Client(id, time.Now())
	if c == nil {
		return r.svc, nil, func() {}
	}
	return limitedService{r.svc, c}, c, func() { r.guard.Release(c) }
}

// A limitedService counts the proposals of one client.
type limitedService struct {
	server.Service
	client *access.Client
}

// ProposeAsync implements server.Service, for a proposal of a stream.
func (s limitedService) ProposeAsync(data []byte, timeout time.Duration, done func(server.Result, error)) {
	if err := s.client.Propose(time.Now()); err != nil {
		done(server.Result{}, refusal(err))
		return
	}
	s.Service.ProposeAsync(data, timeout, func(result server.Result, err error) {
		s.client.Answered()
		done(result, err)
	})
}

// Propose implements server.Service, for a proposal that comes alone: limit has taken
// its request.
func (s limitedService) Propose(ctx context.Context, data []byte) (server.Result, error) {
	if err := s.client.Begin(); err != nil {
		return server.Result{}, refusal(err)
	}
	defer s.client.Answered()
	return s.Service.Propose(ctx, data)
}

// A toll takes the proposals of one batch that are not handed on from the limit of
// their client: a client that sends many comes up against its own limit. It is for one
// goroutine.
type toll struct {
	guard  *access.Guard
	client *access.Client // nil if it has no limit
	now    time.Time
	// refused is what the limit has said, as it is and as the service says it. It
	// serves for the rest of the batch, whose refusals are encoded once.
	refused *access.Refusal
	over    error
	encoded []byte
}

// take takes one proposal. Its error says that the limit does not allow even that.
func (t *toll) take() error {
	if t.refused != nil {
		t.guard.Repeat(t.refused)
		return t.over
	}
	if err := t.client.Request(t.now); err != nil {
		var r *access.Refusal
		_ = errors.As(err, &r) // no other error comes from there
		t.refused, t.over = r, refusal(err)
	}
	return t.over
}
