package api_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/api"
)

func admin(t *testing.T, s *api.Server, path, accept string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+s.AdminAddr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	resp, err := httpClient().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}

func TestAdminHealth(t *testing.T) {
	svc := &fakeService{}
	s := start(t, api.Options{Service: svc})
	for _, c := range []struct {
		name        string
		ready, live error
		path        string
		code        int
		want        []string
	}{
		{"live", nil, nil, "/livez", 200, []string{"ok\n"}},
		{"live, verbose", nil, nil, "/livez?verbose", 200, []string{"[+]raft ok", "livez check passed"}},
		{"not live", nil, errors.New("no tick for 3s"), "/livez", 503, []string{"[-]raft: no tick for 3s", "livez check failed"}},
		{"ready", nil, nil, "/readyz", 200, []string{"ok\n"}},
		{"ready, verbose", nil, nil, "/readyz?verbose", 200, []string{"[+]admission ok", "[+]service ok", "[+]storage(wal) ok, short of space: so it is", "readyz check passed"}},
		{"not ready", errors.New("no leader"), nil, "/readyz", 503, []string{"[-]service: no leader", "[+]storage(wal) ok"}},
		{"not ready is live", errors.New("no leader"), nil, "/livez", 200, []string{"ok"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			svc.set(func(f *fakeService) { f.ready, f.live = c.ready, c.live })
			code, body, _ := admin(t, s, c.path, "")
			if code != c.code {
				t.Errorf("code %d, want %d", code, c.code)
			}
			for _, want := range c.want {
				if !strings.Contains(body, want) {
					t.Errorf("body %q lacks %q", body, want)
				}
			}
		})
	}
	svc.set(func(f *fakeService) { f.ready, f.live = nil, nil })
	s.Drain()
	if code, body, _ := admin(t, s, "/readyz", ""); code != 503 || !strings.Contains(body, "[-]admission: host is stopping") {
		t.Errorf("readyz while draining: %d %q", code, body)
	}
	if code, _, _ := admin(t, s, "/livez", ""); code != 200 {
		t.Errorf("livez while draining: %d", code)
	}
}

func TestAdminMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "pontoon_things_total", Help: "Things."})
	registry.MustRegister(counter)
	s := start(t, api.Options{Service: &fakeService{}, Gatherer: registry})
	code, body, header := admin(t, s, "/metrics", "")
	if code != 200 || !strings.Contains(body, "pontoon_things_total 0") || !strings.HasPrefix(header.Get("Content-Type"), "text/plain") {
		t.Errorf("metrics: %d %q %q", code, header.Get("Content-Type"), body)
	}
	_, body, header = admin(t, s, "/metrics", "application/openmetrics-text; version=1.0.0")
	if !strings.HasPrefix(header.Get("Content-Type"), "application/openmetrics-text") || !strings.HasSuffix(body, "# EOF\n") {
		t.Errorf("open metrics: %q %q", header.Get("Content-Type"), body)
	}
}

func TestAdminProfiles(t *testing.T) {
	s := start(t, api.Options{Service: &fakeService{}})
	if code, body, _ := admin(t, s, "/debug/pprof/goroutine?debug=1", ""); code != 200 || !strings.Contains(body, "goroutine profile") {
		t.Errorf("goroutine profile: %d", code)
	}
	if code, _, _ := admin(t, s, "/metrics", ""); code != 404 {
		t.Errorf("metrics without a gatherer: %d, want 404", code)
	}
	if code, _, _ := admin(t, s, "/v1/status", ""); code != 404 {
		t.Errorf("the client API on the admin port: %d, want 404", code)
	}
}
