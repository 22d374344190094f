package httptransport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/refusals"
)

// handshakes accepts connections whose TLS handshake is done. It does not leave
// that to net/http, which would keep to itself why one failed. Connections that
// are at it count for the listener below, which bounds them.
type handshakes struct {
	net.Listener
	members  *peertls.Identity
	timeout  time.Duration // of one handshake
	refusals *refusals.Refusals

	ctx     context.Context // ends with the listener
	cancel  context.CancelFunc
	running sync.WaitGroup
	ready   chan net.Conn
	failed  chan error // what Accept of the listener below returned
}

// newHandshakes begins to accept; Close ends it.
func newHandshakes(l net.Listener, members *peertls.Identity, timeout time.Duration, r *refusals.Refusals) *handshakes {
	h := &handshakes{
		Listener: l, members: members, timeout: timeout, refusals: r,
		ready: make(chan net.Conn), failed: make(chan error),
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.running.Go(h.run)
	return h
}

// run goes on after an error: which of them is the last one, such as a process
// that has too many files open is not, the caller of Accept decides.
func (h *handshakes) run() {
	for {
		c, err := h.Listener.Accept()
		if err == nil {
			h.running.Go(func() { h.shake(c) })
			continue
		}
		select {
		case h.failed <- err:
		case <-h.ctx.Done():
			return
		}
	}
}

// shake hands a connection over, or closes it.
func (h *handshakes) shake(c net.Conn) {
	held := &heldConn{Conn: c}
	secured := tls.Server(held, h.members.Server())
	ctx, cancel := context.WithTimeout(h.ctx, h.timeout)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		h.refuse(c, err)
		return
	}
	held.hold(h.members, secured.ConnectionState())
	select {
	case h.ready <- secured:
	case <-h.ctx.Done():
		_ = held.Close()
	}
}

func (h *handshakes) refuse(c net.Conn, err error) {
	if h.ctx.Err() == nil {
		h.refusals.Called(c.RemoteAddr().String(), err)
	}
	var plain tls.RecordHeaderError
	if errors.As(err, &plain) && plain.Conn != nil {
		// It may be HTTP, and then the client should see this.
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"+
			"this node uses TLS: use https, and set tls in the transport's config\n")
	}
	_ = c.Close()
}

// Accept implements net.Listener.
func (h *handshakes) Accept() (net.Conn, error) {
	select {
	case c := <-h.ready:
		return c, nil
	case err := <-h.failed:
		return nil, err
	case <-h.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. It ends handshakes that are under way.
func (h *handshakes) Close() error {
	h.cancel()
	err := h.Listener.Close()
	h.running.Wait()
	return err
}
