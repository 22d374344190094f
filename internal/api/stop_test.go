package api_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/pontoon-raft/pontoon/internal/api"
)

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
