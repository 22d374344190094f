package httptransport

import (
	"net"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
)

// idleConn is a connection whose reads, or writes, each have a deadline.
type idleConn struct {
	net.Conn
	read, write pace.Deadline
}

// newIdleConn sets the timeouts; 0 means none.
func newIdleConn(c net.Conn, read, write time.Duration) *idleConn {
	return &idleConn{
		Conn:  c,
		read:  pace.Deadline{Set: c.SetReadDeadline, Timeout: read},
		write: pace.Deadline{Set: c.SetWriteDeadline, Timeout: write},
	}
}

func (c *idleConn) Read(p []byte) (int, error) {
	if c.read.Timeout > 0 {
		if err := c.read.Extend(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(p)
}

func (c *idleConn) Write(p []byte) (int, error) {
	if c.write.Timeout > 0 {
		if err := c.write.Extend(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}
