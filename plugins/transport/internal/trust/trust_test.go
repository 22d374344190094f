package trust

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/membercert"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/guard"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls/peertlstest"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/settings"
)

// Only certificates, or the setting insecure, let a transport off loopback. With
// certificates members prove who they are, and the metrics tell when that ends.
func TestOpen(t *testing.T) {
	self := membercert.Name{Cluster: 7, Member: 1}
	files := peertlstest.New(t).Files(t, self)
	for name, c := range map[string]struct {
		settings     settings.Settings
		proven, open bool
	}{
		"nothing":  {settings.Settings{}, false, false},
		"insecure": {settings.Settings{Insecure: true}, false, true},
		"tls":      {settings.Settings{TLS: &files}, true, true},
	} {
		trust, err := Open(c.settings, guard.Guard{Scheme: "x", Lack: "all is missing"}, self, slog.New(slog.DiscardHandler), "m_")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := trust.Guard.Own(transport.Options{Listen: "198.51.100.1:1"}); trust.Proven() != c.proven || (err == nil) != c.open {
			t.Errorf("%s: proven %v, listen off loopback: %v", name, trust.Proven(), err)
		}
		var b strings.Builder
		if err := trust.Write(&b); err != nil || strings.Contains(b.String(), "\nm_certificate_expires_seconds ") != c.proven || !strings.Contains(b.String(), "m_refused_total") {
			t.Errorf("%s: %v, metrics\n%s", name, err, b.String())
		}
	}
	files.Key = "/nowhere"
	if _, err := Open(settings.Settings{TLS: &files}, guard.Guard{}, self, slog.New(slog.DiscardHandler), "m_"); !errors.Is(err, plugins.ErrInvalidConfig) {
		t.Errorf("a file that is missing: %v", err)
	}
}
