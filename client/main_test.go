package client

import (
	"testing"

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

// Waiting shows it to tests outside the package.
func Waiting(c *Client) int { return c.waiting() }
