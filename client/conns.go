package client

import (
	"context"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
)

// conns are the connections of a client, one for each address it was given or
// has learned. They are made when first used and live until Close.
type conns struct {
	opts Options

	mu     sync.Mutex
	byAddr map[string]*link
	// dropped are closed soon.
	dropped map[*link]struct{}
	// learned are the client addresses of the cluster's members.
	learned []string
	closed  bool
}

// addresses lists where to try, the preferred ones first.
func (c *conns) addresses(preferred ...string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, list := range [][]string{preferred, c.opts.Endpoints, c.learned} {
		for _, addr := range list {
			if addr != "" && !slices.Contains(out, addr) {
				out = append(out, addr)
			}
		}
	}
	return out
}

// learn replaces what is known beyond the configured endpoints. Connections to
// addresses that no member has any more stay until Close: a cluster that
// changes its addresses often would be needed for that to matter.
func (c *conns) learn(addrs []string) {
	if len(addrs) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.learned = addrs
}

func (c *conns) get(addr string) (*link, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	if l := c.byAddr[addr]; l != nil {
		return l, nil
	}
	l, err := newLink(addr, c.opts)
	if err != nil {
		return nil, err
	}
	if c.byAddr == nil {
		c.byAddr = map[string]*link{}
	}
	c.byAddr[addr] = l
	return l, nil
}

// drop has the next connection to addr made anew, if conn is still the one. Calls
// that are under way there have their time to end.
func (c *conns) drop(addr string, conn *grpc.ClientConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.byAddr[addr]
	if l == nil || l.conn != conn {
		return
	}
	delete(c.byAddr, addr)
	if c.dropped == nil {
		c.dropped = map[*link]struct{}{}
	}
	c.dropped[l] = struct{}{}
	time.AfterFunc(c.opts.RequestTimeout, func() {
		c.mu.Lock()
		delete(c.dropped, l)
		c.mu.Unlock()
		l.conn.Close()
	})
}

// ready returns a connection to addr that is up. If it fails, nothing was
// sent.
func (c *conns) ready(ctx context.Context, addr string) (*grpc.ClientConn, error) {
	l, err := c.get(addr)
	if err != nil {
		return nil, err
	}
	if l.conn.GetState() == connectivity.Ready {
		return l.conn, nil
	}
	return l.conn, l.connect(ctx, c.opts.DialTimeout)
}

func (c *conns) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, l := range c.byAddr {
		l.conn.Close()
	}
	for l := range c.dropped {
		l.conn.Close()
	}
}
