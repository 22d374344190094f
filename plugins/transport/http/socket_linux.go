package httptransport

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// maxUnsent is how much of what was written the kernel keeps without having
// sent it. Otherwise it keeps megabytes, and takes more only when a third of
// them has gone: over a slow link a writer would seem to stand still, and what
// it has written would seem to have gone.
const maxUnsent = 128 << 10

// boundSocket makes the kernel give up a connection whose peer has not
// acknowledged written bytes for d: without it, a host that vanished is noticed
// only when the send buffer is full. It also bounds what the kernel keeps
// unsent.
func boundSocket(c net.Conn, d time.Duration) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	// An old kernel without one of the options only notices later.
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d/time.Millisecond))
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsent)
	})
}
