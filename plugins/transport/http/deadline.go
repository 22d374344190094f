package httptransport

import (
	"net"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
)

// idleConn is a connection whose reads each have a deadline, and whose writes
// have one for each step.
type idleConn struct {
	net.Conn
	read  pace.Deadline
	write *pace.Writer
}

// newIdleConn sets the timeouts; 0 means none.
func newIdleConn(c net.Conn, read, write time.Duration) *idleConn {
	return &idleConn{
		Conn:  c,
		read:  pace.Deadline{Set: c.SetReadDeadline, Timeout: read},
		write: pace.NewWriter(c, write),
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

func (c *idleConn) Write(p []byte) (int, error) { return c.write.Write(p) }
