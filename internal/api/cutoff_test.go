package api

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/membercert"
)

// portConfig is that of a port with a certificate.
func portConfig(t *testing.T) *tls.Config {
	t.Helper()
	authority, err := membercert.NewAuthority("test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.IssueServer("port", []string{"127.0.0.1"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{shown}, SessionTicketsDisabled: true}
}

// A client that is cut off, or that a stop closes, may not read the goodbye of TLS. That
// holds up neither those after it nor the stop.
func TestACutOffDoesNotWaitForTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := portConfig(t)
		all, ours, theirs := metered(t, 1<<30, 2)
		for i, c := range ours {
			c.secured = tls.Server(partingConn{c.Conn}, config)
			done := make(chan error, 1)
			go func() { done <- c.secured.HandshakeContext(context.Background()) }()
			// The pipe has no buffer: from now on a write waits for a read.
			if err := tls.Client(theirs[i], &tls.Config{InsecureSkipVerify: true}).HandshakeContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		begun := time.Now()
		all.cutOff(ours[0].meter, closedAuthority)
		all.closeAnswered()
		if took := time.Since(begun); took > 100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		for _, conn := range theirs {
			if _, err := io.Copy(io.Discard, conn); err != nil && err != net.ErrClosed {
				t.Errorf("the client's end: %v", err)
			}
		}
	})
}

// pipes are a listener whose connections have no buffers.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// Nor do clients of the admin port that do not read hold a stop up: not even for the five
// seconds that TLS would give one of them.
func TestAStopDoesNotWaitForClientsOfTheAdminPort(t *testing.T) {
	base := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	admin := &adminListener{Listener: base, max: 8, counts: &counts{}}
	s := &http.Server{Handler: http.NotFoundHandler(), ConnContext: noteAdmin, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- s.Serve(tls.NewListener(admin, portConfig(t))) }()
	for range 3 {
		ours, theirs := net.Pipe()
		base.conns <- ours
		if err := tls.Client(theirs, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		admin.hangUp()
		s.Close()
		<-served
	}()
	select {
	case <-stopped:
	case <-time.After(4 * time.Second):
		t.Error("the stop waits for them")
	}
}
