package api_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/core/api"
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

func TestStopDoesNotWaitForSilentConnections(t *testing.T) {
	s := start(t, api.Options{Service: &fakeService{}})
	silent, half := connect(t, s), connect(t, s)
	if _, err := io.WriteString(half, "GET /v1/status HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	idle := connect(t, s)
	if _, err := io.WriteString(idle, "GET /v1/status HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(idle), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()

	if err := s.Stop(context.Background()); err != nil {
		t.Errorf("Stop() = %v", err)
	}
	for _, conn := range []net.Conn{silent, half, idle} {
		closedByHost(t, conn)
	}
}

func TestConnectionLimit(t *testing.T) {
	s := start(t, api.Options{
		Service: &fakeService{}, Limits: api.Limits{MaxConnections: 2}, Logger: slog.New(slog.DiscardHandler),
	})
	// Both places are taken once these are answered.
	_, err := hostClient(t, s).Status(context.Background(), &hostv1.StatusRequest{})
	if err != nil {
		t.Fatal(err)
	}
	held := connect(t, s)
	if _, err := io.WriteString(held, "GET /v1/status HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := http.ReadResponse(bufio.NewReader(held), nil); err != nil {
		t.Fatal(err)
	}
	administrationOnly(t, s)
	for range 16 { // those who were refused give theirs back
		within(t, "a reserved place is free", func() bool {
			connection := connect(t, s)
			_, err := io.WriteString(connection, "GET /v1/members HTTP/1.1\r\nHost: h\r\n\r\n")
			if err == nil {
				_, err = http.ReadResponse(bufio.NewReader(connection), nil)
			}
			return err == nil
		})
	}
	closedByHost(t, connect(t, s))
	// A place that is given back can be taken again.
	held.Close()
	within(t, "a place is free", func() bool {
		resp, err := httpClient().Get("http://" + s.Addr().String() + "/v1/status")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// administrationOnly checks what is served on connections beyond the limit, and
// keeps none.
func administrationOnly(t *testing.T, s *api.Server) {
	t.Helper()
	conn, err := grpc.NewClient(s.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ctx, host := context.Background(), hostv1.NewHostClient(conn)
	if _, err := host.RemoveMember(ctx, &hostv1.RemoveMemberRequest{Id: "a"}); err != nil {
		t.Errorf("RemoveMember() = %v", err)
	}
	if _, err := host.TransferLeader(ctx, &hostv1.TransferLeaderRequest{}); err != nil {
		t.Errorf("TransferLeader() = %v", err)
	}
	if _, err := host.Propose(ctx, &hostv1.ProposeRequest{Data: []byte("x")}); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("Propose() = %v", err)
	}
	if stream, err := host.Proposals(ctx); err != nil {
		t.Error(err)
	} else if _, err := stream.Recv(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("Proposals() = %v", err)
	}
	for _, x := range []struct {
		request string
		want    int
	}{
		{"POST /v1/query HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}", http.StatusTooManyRequests},
		{"GET /v1/status HTTP/1.1\r\nHost: h\r\n\r\n", http.StatusOK},
	} {
		connection := connect(t, s)
		if _, err := io.WriteString(connection, x.request); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		if refused := x.want == http.StatusTooManyRequests; resp.Close != refused {
			t.Errorf("%q: the connection is closed: %v", x.request, resp.Close)
		}
		connection.Close()
		if resp.StatusCode != x.want {
			t.Errorf("%q is answered with %d", x.request, resp.StatusCode)
		}
	}
}

func TestStopLetsJSONRequestsFinish(t *testing.T) {
	svc := &fakeService{hold: true}
	s := start(t, api.Options{Service: svc})
	answered := make(chan int, 1)
	go func() {
		resp, err := httpClient().Post("http://"+s.Addr().String()+"/v1/propose", "application/json", strings.NewReader(`{"data":"eA=="}`))
		if err != nil {
			t.Errorf("propose: %v", err)
			answered <- 0
			return
		}
		resp.Body.Close()
		answered <- resp.StatusCode
	}()
	within(t, "proposal held", func() bool { return svc.heldCount() == 1 })
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(context.Background()) }()
	svc.release(nil)
	if code := <-answered; code != http.StatusOK {
		t.Errorf("answer %d, want 200", code)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Stop() = %v", err)
	}
}

// A client that begins HTTP/2 and says nothing more keeps neither a stop waiting nor
// those that are to be told of it.
func TestStopDoesNotWaitForHTTP2ThatOnlyBegins(t *testing.T) {
	a := newAuthority(t)
	for name, port := range map[string]api.TLS{"plain": {}, "where TLS is wanted": a.port(t, api.AuthNone)} {
		t.Run(name, func(t *testing.T) {
			s := start(t, api.Options{Service: &fakeService{}, TLS: port, Limits: api.Limits{FirstBytes: time.Hour}})
			for _, more := range []string{"", "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00"} { // none of the first frame, and a part
				conn := connect(t, s)
				if _, err := io.WriteString(conn, http2.ClientPreface+more); err != nil {
					t.Fatal(err)
				}
				if _, err := http2.NewFramer(conn, conn).ReadFrame(); err != nil { // gRPC has the connection
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if err := s.Stop(ctx); err != nil {
				t.Errorf("Stop() = %v", err)
			}
		})
	}
}
