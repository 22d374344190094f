package core

import (
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/certfiles"
	"github.com/pontoon-raft/pontoon/internal/certfiles/certfilestest"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/membercert"
)

// Certificate files of a member that are replaced by others that cannot be used are a warning
// and a metric, from the second look on and until good ones are there. Each names its use and
// its file.
func TestCertificateFilesThatAreRefusedAreShown(t *testing.T) {
	for name, x := range map[string]struct {
		says  string
		spoil func(f *fileWorld)
	}{
		"no certificate":    {"tls.cert", func(f *fileWorld) { f.Write("member.crt", []byte("none")) }},
		"no file":           {"tls.key", func(f *fileWorld) { f.Remove("member.key") }},
		"another key":       {"tls.key", func(f *fileWorld) { f.Write("member.key", f.member(7).Key) }},
		"no authorities":    {"tls.ca", func(f *fileWorld) { f.Write("members", []byte("none")) }},
		"another member":    {"this node is", func(f *fileWorld) { f.Pair("member", f.member(8)) }},
		"another authority": {"tls.cert", func(f *fileWorld) { f.Write("members", f.Made(certfilestest.NewDir(f.t).Authority.Pair()).Cert) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFileWorld(t)
				f.shows("at first", "")
				x.spoil(f)
				f.look()
				f.shows("at the first look", "")
				f.look()
				warning := f.shows("at the second look", "member by http")
				if !strings.Contains(warning, x.says) {
					t.Errorf("%q does not say %q", warning, x.says)
				}
				f.fill()
				f.look()
				f.shows("with good ones", "")
			})
		})
	}
}

// What a port says of its files is a warning and a metric for as long as the port says so.
func TestFilesThatAPortRefusesAreShown(t *testing.T) {
	f := newFileWorld(t)
	for _, use := range []string{"client port", "admin port"} {
		f.ports[use] = "api.tls.key: it is another key"
		if warning := f.shows("while it refuses them", use); !strings.Contains(warning, f.ports[use]) {
			t.Errorf("%q does not say %q", warning, f.ports[use])
		}
		f.ports[use] = ""
		f.shows("with good ones", "")
	}
}

// A certificate of the member that has ended by the time it is read is refused too, beside
// the warning that it has ended. Why it is refused does not change from look to look.
func TestACertificateThatHasEndedIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFileWorld(t)
		f.Pair("member", f.lasting(7, time.Second))
		f.look()
		f.look()
		list := f.seen.refusedFiles()
		if len(list) != 1 || !strings.Contains(list[0].Text, "of the member by http ") || !strings.Contains(list[0].Text, "has expired") {
			t.Errorf("refused: %+v", list)
		}
	})
}

// fileWorld is a host whose ports and whose transport have TLS, with the files of the transport
// and what the ports say of theirs.
type fileWorld struct {
	*certfilestest.Dir
	t     *testing.T
	ports map[string]string
	seen  *certificates
}

func newFileWorld(t *testing.T) *fileWorld {
	t.Helper()
	f := &fileWorld{Dir: certfilestest.NewDir(t), t: t, ports: map[string]string{"client port": "", "admin port": ""}}
	f.fill()
	cfg := Config{
		Logger: slog.New(slog.DiscardHandler), ClusterID: 1, ID: 7,
		Transports: []TransportConfig{{PluginConfig: PluginConfig{
			Name: "http", Config: fmt.Appendf(nil, "tls: {cert: %q, key: %q, ca: %q}", f.Path("member.crt"), f.Path("member.key"), f.Path("members")),
		}}},
	}
	f.seen = newCertificates(&cfg, func() map[string]string { return maps.Clone(f.ports) })
	return f
}

// fill puts good files into their places, new ones each time.
func (f *fileWorld) fill() {
	f.t.Helper()
	f.Pair("member", f.member(7))
	f.Authorities("members")
}

// look has the host look at the files as soon as it would.
func (f *fileWorld) look() {
	time.Sleep(certfiles.Recheck)
	f.seen.look(time.Now())
}

// shows is the one warning, which is about that use; none if use is empty.
func (f *fileWorld) shows(when, use string) (text string) {
	f.t.Helper()
	for _, w := range f.seen.warnings(time.Now()) {
		if text != "" || w.Reason != server.WarnCertificateRefused || !strings.Contains(w.Text, "of the "+use+" ") {
			f.t.Errorf("%s: %+v", when, w)
		}
		text = w.Text
	}
	if (text == "") != (use == "") {
		f.t.Errorf("%s: the warning is %q", when, text)
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(f.seen)
	families, err := metrics.Gather()
	f.Must(err)
	uses := 0
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() != "pontoon_certificate_files_refused" {
				continue
			}
			uses++
			if got, label := m.GetGauge().GetValue() == 1, m.GetLabel()[0].GetValue(); got != (label == use) {
				f.t.Errorf("%s: the metric says of the %s: %t", when, label, got)
			}
		}
	}
	if uses != 3 {
		f.t.Errorf("%s: the metric has %d uses", when, uses)
	}
	return text
}

func (f *fileWorld) member(id uint64) membercert.Pair { return f.lasting(id, 999*time.Hour) }

func (f *fileWorld) lasting(id uint64, life time.Duration) membercert.Pair {
	return f.Made(f.Authority.Issue(membercert.Name{Cluster: 1, Member: id}, nil, life))
}
