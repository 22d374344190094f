package api

import (
	"context"
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
// is its first request there. Proposals are taken where they are handed on.
func (s *sharedConnection) limit(g *access.Guard, id access.Identity, need access.Role, now time.Time) error {
	c := g.Client(id, now)
	if c == nil {
		return nil
	}
	defer g.Release(c)
	if err := s.join(g, c); err != nil {
		return err
	}
	if need == access.Write {
		return nil
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

// forClient is the service for requests of one client: its proposals count
// against its limit. Release must be called when no more come. Without a limit
// it is the service itself.
func (r *requests) forClient(ctx context.Context) (svc server.Service, release func()) {
	id, _ := access.From(ctx)
	c := r.guard.Client(id, time.Now())
	if c == nil {
		return r.svc, func() {}
	}
	return limitedService{r.svc, c}, func() { r.guard.Release(c) }
}

// A limitedService counts the proposals of one client.
type limitedService struct {
	server.Service
	client *access.Client
}

// ProposeAsync implements server.Service.
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

// Propose implements server.Service.
func (s limitedService) Propose(ctx context.Context, data []byte) (server.Result, error) {
	if err := s.client.Propose(time.Now()); err != nil {
		return server.Result{}, refusal(err)
	}
	defer s.client.Answered()
	return s.Service.Propose(ctx, data)
}

// Full implements server.Service. A value that is refused is a request of
// the client all the same.
func (s limitedService) Full(bytes int) error {
	err := s.Service.Full(bytes)
	if err == nil {
		return nil
	}
	if limit := s.client.Request(time.Now()); limit != nil {
		return refusal(limit)
	}
	return err
}
