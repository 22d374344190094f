package client

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// waiting is how many callers a client's current pipeline refers to.
func (c *Client) waiting() int {
	p := c.current.Load()
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tableMu.Lock()
	defer p.tableMu.Unlock()
	return len(p.queue) + len(p.table.slots) - len(p.table.free)
}

// Paced is for how long a client holds back values of so many bytes.
func Paced(c *Client, size int) time.Duration { return c.pacing.left(size, c.now()) }

// Waiting shows it to tests outside the package.
func Waiting(c *Client) int { return c.waiting() }

// Stream tells the stream of a client from another one; nil if it has none.
func Stream(c *Client) any { return c.current.Load() }

// ShowToken is what happens to the token of a call to addr without TLS.
func ShowToken(addr string, o Options) error {
	o.Endpoints = []string{addr}
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	_, err = bearerFor(o, addr).GetRequestMetadata(context.Background())
	return err
}
