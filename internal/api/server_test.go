package api_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/api"
)

func TestListenNamesAddressAndKey(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct{ name, client, admin, key, addr string }{
		{"client port in use", taken.Addr().String(), "", "api.listen", taken.Addr().String()},
		{"admin port in use", "127.0.0.1:0", taken.Addr().String(), "admin.listen", taken.Addr().String()},
		{"no address", "7401", "", "api.listen", "7401"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := api.New(api.Options{Service: &fakeService{}})
			err := s.Listen(c.client, c.admin)
			if err == nil || !strings.Contains(err.Error(), c.key) || !strings.Contains(err.Error(), c.addr) {
				t.Errorf("Listen() = %v, want %s and %s in it", err, c.key, c.addr)
			}
			if c.addr == taken.Addr().String() && !errors.Is(err, syscall.EADDRINUSE) {
				t.Errorf("Listen() = %v, want EADDRINUSE behind it", err)
			}
			if s.Addr() != nil || s.AdminAddr() != nil {
				t.Errorf("addresses after a failed Listen: %v, %v", s.Addr(), s.AdminAddr())
			}
			if err := s.Stop(context.Background()); err != nil {
				t.Errorf("Stop() = %v", err)
			}
		})
	}
}

func TestLifecycleInAnyOrder(t *testing.T) {
	ctx := context.Background()
	newServer := func() *api.Server { return api.New(api.Options{Service: &fakeService{}}) }

	t.Run("serve without listen", func(t *testing.T) {
		s := newServer()
		if err := s.Serve(); !errors.Is(err, api.ErrNotListening) {
			t.Errorf("Serve() = %v", err)
		}
		_ = s.Stop(ctx)
	})
	t.Run("stop before everything", func(t *testing.T) {
		s := newServer()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("Stop() = %v", err)
		}
		if err := s.Listen("127.0.0.1:0", ""); !errors.Is(err, api.ErrServerStopped) {
			t.Errorf("Listen() after Stop = %v", err)
		}
		if err := s.Serve(); err != nil {
			t.Errorf("Serve() after Stop = %v", err)
		}
	})
	t.Run("stop between listen and serve frees the ports", func(t *testing.T) {
		s := newServer()
		if err := s.Listen("127.0.0.1:0", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		client, admin := s.Addr().String(), s.AdminAddr().String()
		_ = s.Stop(ctx)
		if err := s.Serve(); err != nil {
			t.Errorf("Serve() after Stop = %v", err)
		}
		again := newServer()
		if err := again.Listen(client, admin); err != nil {
			t.Errorf("Listen() on the same ports = %v", err)
		}
		_ = again.Stop(ctx)
	})
	t.Run("stop many times at once", func(t *testing.T) {
		s := start(t, api.Options{Service: &fakeService{}})
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := s.Stop(ctx); err != nil {
					t.Errorf("Stop() = %v", err)
				}
			})
		}
		all.Wait()
	})
	t.Run("listen twice", func(t *testing.T) {
		s := start(t, api.Options{Service: &fakeService{}})
		if err := s.Listen("127.0.0.1:0", ""); err == nil {
			t.Error("second Listen succeeded")
		}
	})
}

// closedByHost fails the test unless the host closes conn.
func closedByHost(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		t.Error("the host left the connection open")
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

func TestBothProtocolsOnOnePort(t *testing.T) {
	s := start(t, api.Options{Service: &fakeService{}})
	if _, err := hostClient(t, s).Status(context.Background(), &hostv1.StatusRequest{}); err != nil {
		t.Errorf("gRPC: %v", err)
	}
	// A request that shares its first letter with the HTTP/2 preface, byte by
	// byte.
	conn := connect(t, s)
	for _, b := range []byte("PUT /v1/status HTTP/1.1\r\nHost: h\r\n\r\n") {
		if _, err := conn.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != http.MethodGet {
		t.Errorf("HTTP/1.1: %d, Allow %q", resp.StatusCode, resp.Header.Get("Allow"))
	}
}

func TestConnectionsThatSayNothingAreClosed(t *testing.T) {
	s := start(t, api.Options{Service: &fakeService{}, Limits: api.Limits{FirstBytes: 10 * time.Millisecond}})
	for _, begin := range []string{"", "PRI * HT", "GET /v1/sta"} {
		conn := connect(t, s)
		if _, err := io.WriteString(conn, begin); err != nil {
			t.Fatal(err)
		}
		closedByHost(t, conn)
	}
}
