package api_test

import (
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/plugins"
)

// New files serve new connections; broken ones change nothing and are warned of.
func TestThePortsReadTheirCertificatesAnew(t *testing.T) {
	a := newAuthority(t)
	port := a.port(t, api.AuthNone)
	log := &lockedBuffer{}
	s := start(t, api.Options{Service: &fakeService{}, TLS: port, AdminTLS: port, Logger: slog.New(slog.NewTextHandler(log, nil))})
	first := shownBy(t, s.Addr(), a.trusting())

	next, err := a.IssueServer("next", []string{"127.0.0.1"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, port.Cert, next.Cert)
	within(t, "a certificate without its key is warned of, for both ports", func() bool {
		return strings.Count(log.String(), "the old ones stay in use") == 2
	})
	if !shownBy(t, s.Addr(), a.trusting()).Equal(first) {
		t.Error("a certificate without its key is in use")
	}
	writeFile(t, port.Key, next.Key)
	for _, addr := range []net.Addr{s.Addr(), s.AdminAddr()} {
		within(t, "the new certificate is in use", func() bool {
			return shownBy(t, addr, a.trusting()).Subject.CommonName == "next"
		})
	}
}

// An error in the files is reported at the start, with the key and the file.
func TestBadCertificateFilesAreRefused(t *testing.T) {
	a := newAuthority(t)
	for _, c := range []struct {
		name  string
		spoil func(*testing.T, *api.TLS)
		says  string
	}{
		{"no file", func(_ *testing.T, o *api.TLS) { o.Cert += "x" }, "api.tls.cert: "},
		{"no key", func(_ *testing.T, o *api.TLS) { o.Key += "x" }, "api.tls.key: "},
		{"no authority", func(_ *testing.T, o *api.TLS) { o.ClientCA += "x" }, "api.tls.client_ca: "},
		{"no PEM", func(t *testing.T, o *api.TLS) { writeFile(t, o.ClientCA, []byte("x")) }, "api.tls.client_ca: "},
		{"a client's", func(t *testing.T, o *api.TLS) {
			p, _ := a.IssueClient("app", time.Hour)
			a.write(t, *o, p)
		}, "serverAuth"},
		{"another key", func(t *testing.T, o *api.TLS) {
			p, _ := a.IssueServer("app", nil, time.Hour)
			writeFile(t, o.Key, p.Key)
		}, "api.tls.key: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := a.port(t, api.AuthRequired)
			c.spoil(t, &o)
			s := api.New(api.Options{Service: &fakeService{}, TLS: o})
			err := s.Listen("127.0.0.1:0", "")
			if !errors.Is(err, plugins.ErrInvalidConfig) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want ErrInvalidConfig with %q", err, c.says)
			}
			_ = s.Stop(t.Context())
		})
	}
}

// Off loopback a port needs TLS, or the word that none is meant.
func TestAPortOffLoopbackNeedsTLS(t *testing.T) {
	a := newAuthority(t)
	secure := a.port(t, api.AuthNone)
	for _, c := range []struct {
		name          string
		options       api.Options
		client, admin string
		says          string
	}{
		{"all interfaces", api.Options{}, ":0", "", "api.insecure: true"},
		{"the wildcard", api.Options{}, "0.0.0.0:0", "", "api.tls"},
		{"with TLS", api.Options{TLS: secure}, ":0", "", ""},
		{"with the word", api.Options{Insecure: true}, ":0", "", ""},
		{"loopback", api.Options{}, "[::1]:0", "localhost:0", ""},
		{"the admin port", api.Options{TLS: secure}, ":0", ":0", "admin.insecure: true"},
		{"the admin port with the word", api.Options{TLS: secure, AdminInsecure: true}, ":0", ":0", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.options.Service = &fakeService{}
			s := api.New(c.options)
			err := s.Listen(c.client, c.admin)
			if c.says == "" && err != nil || c.says != "" && (!errors.Is(err, plugins.ErrInvalidConfig) || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			_ = s.Stop(t.Context())
		})
	}
}
