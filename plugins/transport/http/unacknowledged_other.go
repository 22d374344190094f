//go:build !linux

package httptransport

import (
	"net"
	"time"
)

// limitUnacknowledged has no portable form; keepalive has to do.
func limitUnacknowledged(net.Conn, time.Duration) {}
