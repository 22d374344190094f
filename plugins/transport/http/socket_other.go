//go:build !linux

package httptransport

import (
	"net"
	"time"
)

// boundSocket has no portable form; keepalive and the system's own buffers have
// to do.
func boundSocket(net.Conn, time.Duration) {}
