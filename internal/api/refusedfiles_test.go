package api

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/certfiles"
	"github.com/pontoon-raft/pontoon/internal/certfiles/certfilestest"
)

// Files of a port that are replaced by others that cannot be used are refused, from the second
// look on and until good ones are there. The other port's are not.
func TestAPortSaysWhyItRefusesFiles(t *testing.T) {
	for name, x := range map[string]struct {
		port, says string
		spoil      func(f *portFiles)
	}{
		"no certificate": {"client port", "api.tls.cert", func(f *portFiles) { f.Write("api.crt", []byte("none")) }},
		"no file":        {"client port", "api.tls.key", func(f *portFiles) { f.Remove("api.key") }},
		"another key": {"admin port", "admin.tls.key", func(f *portFiles) {
			f.Write("admin.key", f.Made(f.Authority.IssueServer("port", nil, 999*time.Hour)).Key)
		}},
		"no authorities":           {"client port", "api.tls.client_ca", func(f *portFiles) { f.Write("ca", []byte("none")) }},
		"no certificate of a port": {"admin port", "serverAuth", func(f *portFiles) { f.Pair("admin", f.Made(f.Authority.IssueClient("c", 999*time.Hour))) }},
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
	*certfilestest.Dir
	t *testing.T
	s *Server
}

func newPortFiles(t *testing.T) *portFiles {
	t.Helper()
	f := &portFiles{Dir: certfilestest.NewDir(t), t: t}
	f.fill()
	f.s = &Server{log: slog.New(slog.DiscardHandler), opts: Options{
		TLS:      TLS{Cert: f.Path("api.crt"), Key: f.Path("api.key"), ClientCA: f.Path("ca"), ClientAuth: AuthRequired},
		AdminTLS: TLS{Cert: f.Path("admin.crt"), Key: f.Path("admin.key"), ClientAuth: AuthNone},
	}}
	f.Must(f.s.secure("127.0.0.1:0", "127.0.0.1:0"))
	return f
}

// fill puts good files into their places, new ones each time.
func (f *portFiles) fill() {
	f.t.Helper()
	f.Pair("api", f.Made(f.Authority.IssueServer("port", nil, 999*time.Hour)))
	f.Pair("admin", f.Made(f.Authority.IssueServer("port", nil, 999*time.Hour)))
	f.Authorities("ca")
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
