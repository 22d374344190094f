package httptransport

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// limitUnacknowledged makes the kernel give up a connection whose peer has
// not acknowledged written bytes for d. Without it, a host that vanished is
// noticed only when the send buffer is full.
func limitUnacknowledged(c net.Conn, d time.Duration) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	// An old kernel without the option only notices later.
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d/time.Millisecond))
	})
}
