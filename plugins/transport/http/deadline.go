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
	read  pace.Timed
	write *pace.Writer
}

// newIdleConn sets the timeouts; 0 means none.
func newIdleConn(c net.Conn, read, write time.Duration) *idleConn {
	return &idleConn{
		Conn:  c,
		read:  pace.Timed{R: c, Deadline: pace.Deadline{Set: c.SetReadDeadline, Timeout: read}},
		write: pace.NewWriter(c, write),
	}
}

func (c *idleConn) Read(p []byte) (int, error) { return c.read.Read(p) }

func (c *idleConn) Write(p []byte) (int, error) { return c.write.Write(p) }
