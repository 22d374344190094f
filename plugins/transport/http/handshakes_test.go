package httptransport

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls/peertlstest"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/refusals"
)

// flaky is a listener whose first Accept fails, as when the process has too
// many files open.
type flaky struct {
	net.Listener
	failed atomic.Bool
}

func (f *flaky) Accept() (net.Conn, error) {
	if !f.failed.Swap(true) {
		return nil, syscall.EMFILE
	}
	return f.Listener.Accept()
}

// An error of the listener below is passed on and is not the end of it. A
// connection that says nothing keeps no other one waiting, nor the end.
func TestHandshakes(t *testing.T) {
	f := peertlstest.New(t)
	self, err := peertls.Open(f.Files(t, named(1)), named(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := newHandshakes(&flaky{Listener: l}, self, time.Hour, refusals.New(slog.New(slog.DiscardHandler), "refused_total"))
	if _, err := h.Accept(); !errors.Is(err, syscall.EMFILE) {
		t.Fatalf("got %v, want EMFILE", err)
	}
	silent, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	member, err := tls.Dial("tcp", l.Addr().String(), showing(f.Certificate(t, named(2), nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer member.Close()
	c, err := h.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if id, err := self.PeerID(c.(*tls.Conn).ConnectionState()); id != 2 || err != nil {
		t.Errorf("accepted member %x, error %v", id, err)
	}
	_ = c.Close()
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if _, err := h.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v, want ErrClosed", err)
	}
	if _, err := silent.Read(make([]byte, 1)); err == nil {
		t.Error("the silent connection is still open")
	}
}
