package httptransport

import (
	"context"
	"net"
	"time"
)

// A deadline moves an idle deadline forward. It does so only when an eighth
// of the timeout has passed since the last time, because moving one costs
// more than a small frame does.
type deadline struct {
	set     func(time.Time) error
	timeout time.Duration
	last    time.Time
}

func (d *deadline) extend() error {
	now := time.Now()
	if now.Sub(d.last) < d.timeout/8 {
		return nil
	}
	d.last = now
	return d.set(now.Add(d.timeout))
}

// idleConn is a connection whose reads, or writes, each have a deadline.
type idleConn struct {
	net.Conn
	read, write deadline
}

// newIdleConn sets the timeouts; 0 means none.
func newIdleConn(c net.Conn, read, write time.Duration) *idleConn {
	return &idleConn{
		Conn:  c,
		read:  deadline{set: c.SetReadDeadline, timeout: read},
		write: deadline{set: c.SetWriteDeadline, timeout: write},
	}
}

func (c *idleConn) Read(p []byte) (int, error) {
	if c.read.timeout > 0 {
		if err := c.read.extend(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(p)
}

func (c *idleConn) Write(p []byte) (int, error) {
	if c.write.timeout > 0 {
		if err := c.write.extend(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

// pause waits for d and reports whether ctx let it.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
