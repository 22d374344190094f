package core

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/membercert"
)

// A host warns of every certificate that it uses: of its ports, of its transports,
// and of authorities; in status and once a day in the log. A new one ends that.
func TestCertificatesThatEndAreWarnedOf(t *testing.T) {
	const day = 24 * time.Hour
	dir := t.TempDir()
	authority, err := membercert.NewAuthority("test", 365*day)
	if err != nil {
		t.Fatal(err)
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name string, valid time.Duration) {
		t.Helper()
		pair, err := authority.IssueServer(name, nil, valid)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path(name), pair.Cert, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("api", 100*day)
	write("ca", 300*day)
	write("member", 200*day)
	var log bytes.Buffer
	cfg := Config{
		Logger:    slog.New(slog.NewTextHandler(&log, nil)),
		ClientTLS: TLSConfig{Cert: path("api"), ClientCA: path("ca")}, AdminTLS: TLSConfig{Cert: path("api")}, AdminAddress: "x",
		Transports: []TransportConfig{{PluginConfig: PluginConfig{Config: []byte("tls: {cert: " + path("member") + ", ca: " + path("ca") + "}")}}},
	}
	cfg.Transports[0].Name = "http"
	c := newCertificates(&cfg, func() map[string]string { return map[string]string{} })
	start := time.Now()
	for _, x := range []struct {
		name  string
		after time.Duration
		want  map[string]string // reasons by a word of the text
		lines int               // of the log, in all
	}{
		{"all are good", 0, nil, 0},
		{"one ends soon", 80 * day, map[string]string{"client port": server.WarnCertificateExpires}, 1},
		{"the same day", 80*day + time.Hour, map[string]string{"client port": server.WarnCertificateExpires}, 1},
		{"the next day", 81*day + time.Hour, map[string]string{"client port": server.WarnCertificateExpires}, 2},
		{"it has ended", 180 * day, map[string]string{
			"client port": server.WarnCertificateExpired, "member by http": server.WarnCertificateExpires,
		}, 4},
		{"authorities too", 290 * day, map[string]string{
			"client port": server.WarnCertificateExpired, "member by http": server.WarnCertificateExpired,
			"authorities of clients": server.WarnCertificateExpires,
		}, 7},
	} {
		now := start.Add(x.after)
		c.look(now)
		got := c.warnings(now)
		for what, reason := range x.want {
			found := false
			for _, w := range got {
				found = found || w.Reason == reason && strings.Contains(w.Text, "of the "+what+" (")
			}
			if !found {
				t.Errorf("%s: no %s of the %s in %v", x.name, reason, what, got)
			}
		}
		if len(got) != len(x.want) {
			t.Errorf("%s: got %v", x.name, got)
		}
		if n := strings.Count(log.String(), "level=WARN"); n != x.lines {
			t.Errorf("%s: %d lines in the log, want %d", x.name, n, x.lines)
		}
	}
	for _, name := range []string{"api", "member", "ca"} {
		write(name, 364*day)
	}
	c.look(start)
	if got := c.warnings(start.Add(290 * day)); got != nil {
		t.Errorf("with new certificates: %v", got)
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(c)
	if f, err := metrics.Gather(); err != nil || len(f) != 1 || f[0].GetName() != "pontoon_certificate_expires_seconds" || len(f[0].GetMetric()) != 3 {
		t.Errorf("metrics %v, error %v, want three of one name", f, err)
	}
}
