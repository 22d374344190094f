package access

import (
	"fmt"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/bucket"
)

// maxClients bounds what is remembered of clients. Those beyond it share one
// place, and so a limit.
const maxClients = 64 << 10

// usage is what the clients with a limit use at present, by their keys.
type usage struct {
	mu    sync.Mutex
	byKey map[string]*Client
}

// A Client counts what one client uses, against its limit. A nil Client has no
// limit. Its methods may be called from any goroutine.
type Client struct {
	name   string
	limit  Limit
	counts *counts

	users int // holders; of the usage's lock

	mu          sync.Mutex
	connections int
	inFlight    int
	requests    *bucket.Bucket
}

// Limits reports whether any client has a limit.
func (g *Guard) Limits() bool { return g != nil && len(g.policy.Limits) > 0 }

// Client is what the client of i uses; nil if there is no limit for it. Release
// gives it back.
func (g *Guard) Client(i Identity, now time.Time) *Client {
	if !g.Limits() {
		return nil
	}
	limit, ok := g.policy.limitOf(i)
	if !ok {
		return nil
	}
	return g.usage.take(i.Key(), limit, &g.counts, now)
}

func (u *usage) take(key string, limit Limit, n *counts, now time.Time) *Client {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.byKey == nil {
		u.byKey = map[string]*Client{}
	}
	c := u.byKey[key]
	if c == nil && len(u.byKey) >= maxClients {
		key = Others
		c = u.byKey[key]
	}
	if c == nil {
		c = &Client{name: key, limit: limit, counts: n, requests: bucket.New(limit.RequestsPerSecond, limit.RequestsPerSecond, now)}
		u.byKey[key] = c
	}
	c.users++
	return c
}

// release gives c back to u.
func (u *usage) release(c *Client) {
	u.mu.Lock()
	defer u.mu.Unlock()
	c.users--
}

// sweep forgets clients that use nothing and have not used anything for so long
// that a new one is the same.
func (u *usage) sweep(now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for key, c := range u.byKey {
		if c.users == 0 && c.idle(now) {
			delete(u.byKey, key)
		}
	}
}

func (c *Client) idle(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inFlight == 0 && c.connections == 0 && c.requests.Full(now)
}

// Share is Client for one more holder of c.
func (g *Guard) Share(c *Client) {
	g.usage.mu.Lock()
	defer g.usage.mu.Unlock()
	c.users++
}

// Release gives a Client of the Guard back.
func (g *Guard) Release(c *Client) {
	if c != nil {
		g.usage.release(c)
	}
}

// Request takes one request. The error is a Refusal: nothing was taken then.
func (c *Client) Request(now time.Time) error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.request(now)
}

// Propose takes one proposal, which is a request too and ends with Answered. The
// error is a Refusal: nothing was taken then.
func (c *Client) Propose(now time.Time) error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.roomLocked(); err != nil {
		return err
	}
	if err := c.request(now); err != nil {
		return err
	}
	c.inFlight++
	return nil
}

// Begin is Propose for a proposal whose request was taken.
func (c *Client) Begin() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.roomLocked(); err != nil {
		return err
	}
	c.inFlight++
	return nil
}

func (c *Client) roomLocked() error {
	if most := c.limit.ProposalsInFlight; most > 0 && c.inFlight >= most {
		return c.refuse("proposals_in_flight", most, fullRetryAfter)
	}
	return nil
}

// fullRetryAfter is the advice to a client whose proposals wait for answers.
const fullRetryAfter = 10 * time.Millisecond

// Answered ends one proposal.
func (c *Client) Answered() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inFlight--
}

// Connect counts a connection, which ends with Disconnect. The error is a Refusal: it
// is not counted then.
func (c *Client) Connect() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if most := c.limit.Connections; most > 0 && c.connections >= most {
		return c.refuse("connections", most, time.Second)
	}
	c.connections++
	return nil
}

// Disconnect ends one connection.
func (c *Client) Disconnect() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connections--
}

func (c *Client) request(now time.Time) error {
	most := c.limit.RequestsPerSecond
	if most <= 0 || c.requests.Take(now) {
		return nil
	}
	return c.refuse("requests_per_second", most, c.requests.Wait())
}

func (c *Client) refuse(which string, most int, after time.Duration) error {
	return c.counts.counted(&Refusal{
		Err: ErrLimit, RetryAfter: after,
		Detail: fmt.Sprintf("%s has reached its limit: %s is %d (api.access.limits)", c.name, which, most),
	})
}
