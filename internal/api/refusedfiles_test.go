package api

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/certfiles"
	"github.com/pontoon-raft/pontoon/membercert"
)

// Files of a port that are replaced by others that cannot be used are refused, from the second
// look on and until good ones are there. The other port's are not.
func TestAPortSaysWhyItRefusesFiles(t *testing.T) {
	for name, x := range map[string]struct {
		port, says string
		spoil      func(f *portFiles)
	}{
		"no certificate":           {"client port", "api.tls.cert", func(f *portFiles) { f.write("api.crt", []byte("none")) }},
		"no file":                  {"client port", "api.tls.key", func(f *portFiles) { f.must(os.Remove(f.path("api.key"))) }},
		"another key":              {"admin port", "admin.tls.key", func(f *portFiles) { f.write("admin.key", f.server().Key) }},
		"no authorities":           {"client port", "api.tls.client_ca", func(f *portFiles) { f.write("ca", []byte("none")) }},
		"no certificate of a port": {"admin port", "serverAuth", func(f *portFiles) { f.pair("admin", f.client()) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newPortFiles(t)
				f.refuses("at first", "", "")
				x.spoil(f)
				f.look()
				f.refuses("at the first look", "", "")
				f.look()
				f.refuses("at the second look", x.port, x.says)
				f.fill()
				f.look()
				f.refuses("with good ones", "", "")
			})
		})
	}
}

// A port without TLS has no files, and is not among them.
func TestAPortWithoutTLSRefusesNoFiles(t *testing.T) {
	s := &Server{log: slog.New(slog.DiscardHandler)}
	if err := s.secure("127.0.0.1:0", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if got := s.RefusedCertificates(); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// portFiles has the files of two ports, and the server that has read them.
type portFiles struct {
	t         *testing.T
	dir       string
	authority *membercert.Authority
	s         *Server
}

func newPortFiles(t *testing.T) *portFiles {
	t.Helper()
	f := &portFiles{t: t, dir: t.TempDir()}
	var err error
	f.authority, err = membercert.NewAuthority("test", 1000*time.Hour)
	f.must(err)
	f.fill()
	f.s = &Server{log: slog.New(slog.DiscardHandler), opts: Options{
		TLS:      TLS{Cert: f.path("api.crt"), Key: f.path("api.key"), ClientCA: f.path("ca"), ClientAuth: AuthRequired},
		AdminTLS: TLS{Cert: f.path("admin.crt"), Key: f.path("admin.key"), ClientAuth: AuthNone},
	}}
	f.must(f.s.secure("127.0.0.1:0", "127.0.0.1:0"))
	return f
}

// fill puts good files into their places, new ones each time.
func (f *portFiles) fill() {
	f.t.Helper()
	f.pair("api", f.server())
	f.pair("admin", f.server())
	own, err := f.authority.Pair()
	f.must(err)
	f.write("ca", own.Cert)
}

// look has the ports look at their files as soon as they would.
func (f *portFiles) look() {
	time.Sleep(certfiles.Recheck)
	f.s.clientTLS.source.Get()
	f.s.adminTLS.source.Get()
}

// refuses checks that the port of that name alone refuses its files, and why; an empty name
// stands for no port.
func (f *portFiles) refuses(when, port, says string) {
	f.t.Helper()
	got := f.s.RefusedCertificates()
	for name, why := range got {
		if (why != "") != (name == port) || !strings.Contains(why, says) && name == port {
			f.t.Errorf("%s: the %s says %q", when, name, why)
		}
	}
	if len(got) != 2 {
		f.t.Errorf("%s: %d ports have files", when, len(got))
	}
}

func (f *portFiles) server() membercert.Pair {
	f.t.Helper()
	p, err := f.authority.IssueServer("port", nil, 999*time.Hour)
	f.must(err)
	return p
}

func (f *portFiles) client() membercert.Pair {
	f.t.Helper()
	p, err := f.authority.IssueClient("c", 999*time.Hour)
	f.must(err)
	return p
}

func (f *portFiles) pair(name string, p membercert.Pair) {
	f.t.Helper()
	f.write(name+".crt", p.Cert)
	f.write(name+".key", p.Key)
}

func (f *portFiles) write(name string, text []byte) {
	f.t.Helper()
	f.must(os.WriteFile(f.path(name), text, 0o600))
}

func (f *portFiles) path(name string) string { return filepath.Join(f.dir, name) }

func (f *portFiles) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}
