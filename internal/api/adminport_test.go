package api_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/api"
)

// However many clients hold connections of the admin port, an operator gets in,
// and the host holds no more than it may.
func TestTheAdminPortIsBounded(t *testing.T) {
	r := prometheus.NewRegistry()
	s := start(t, api.Options{
		Service: &fakeService{}, Metrics: r, Logger: slog.New(slog.DiscardHandler), Limits: api.Limits{MaxAdminConnections: 4},
	})
	var slow []net.Conn
	for i := range 12 {
		conn, err := net.Dial("tcp", s.AdminAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET /livez HTTP/1.1\r\nHo"[:1+2*i%20]); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, conn)
	}
	within(t, "the oldest are closed", func() bool { return metric(t, r, "pontoon_api_admin_connections_closed_total") >= 8 })
	if code, _, _ := admin(t, s, "/livez", ""); code != http.StatusOK {
		t.Errorf("livez: %d", code)
	}
	for _, conn := range slow[:8] {
		closedByHost(t, conn)
	}
}

// Profiles take as long as their client says: some at a time are enough.
func TestProfilesAreBounded(t *testing.T) {
	s := start(t, api.Options{Service: &fakeService{}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 4 {
		go func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.AdminAddr().String()+"/debug/pprof/heap?seconds=3600", nil)
			if err != nil {
				t.Error(err)
				return
			}
			if resp, err := httpClient().Do(req); err == nil {
				resp.Body.Close()
			}
		}()
	}
	within(t, "no more profiles are taken", func() bool {
		code, _, _ := admin(t, s, "/debug/pprof/cmdline", "")
		return code == http.StatusTooManyRequests
	})
	if code, _, _ := admin(t, s, "/readyz", ""); code != http.StatusOK {
		t.Errorf("readyz: %d", code)
	}
	cancel()
	within(t, "there is room again", func() bool {
		code, _, _ := admin(t, s, "/debug/pprof/cmdline", "")
		return code == http.StatusOK
	})
}
