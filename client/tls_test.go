package client_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/membercert"
)

// certs is a directory with an authority and what it has issued.
type certs struct {
	*membercert.Authority
	dir string
}

func newCerts(t *testing.T) certs {
	t.Helper()
	a, err := membercert.NewAuthority("test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c := certs{a, t.TempDir()}
	c.write(t, "ca")(a.Pair())
	return c
}

func (c certs) path(name string) string { return filepath.Join(c.dir, name) }

func (c certs) write(t *testing.T, name string) func(membercert.Pair, error) {
	return func(p membercert.Pair, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for path, text := range map[string][]byte{name + ".crt": p.Cert, name + ".key": p.Key} {
			if err := os.WriteFile(c.path(path), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// serve starts a member that leads, with TLS if there is a port, and returns its
// address.
func serve(t *testing.T, port api.TLS) string {
	t.Helper()
	m := &member{cluster: &cluster{leader: 1}, id: 1, tls: port}
	m.cluster.members = []*member{m}
	m.start(t, "127.0.0.1:0")
	t.Cleanup(func() { m.stop(t) })
	return m.addr
}

// Each kind of client meets each kind of host. No client gets through
// that should not, and each is told what to do.
func TestClientsAndHostsWithAndWithoutTLS(t *testing.T) {
	own, other := newCerts(t), newCerts(t)
	own.write(t, "port")(own.IssueServer("port", []string{"127.0.0.1"}, time.Hour))
	own.write(t, "elsewhere")(own.IssueServer("elsewhere", []string{"n.example"}, time.Hour))
	own.write(t, "app")(own.IssueClient("app", time.Hour))
	other.write(t, "app")(other.IssueClient("app", time.Hour))
	server := api.TLS{Cert: own.path("port.crt"), Key: own.path("port.key")}
	mutual := server
	mutual.ClientCA, mutual.ClientAuth = own.path("ca.crt"), api.AuthRequired
	elsewhere := api.TLS{Cert: own.path("elsewhere.crt"), Key: own.path("elsewhere.key")}
	ca := client.TLSFiles{CA: own.path("ca.crt")}
	app := client.TLSFiles{CA: own.path("ca.crt"), Cert: own.path("app.crt"), Key: own.path("app.key")}
	for _, c := range []struct {
		name   string
		port   api.TLS
		files  *client.TLSFiles // nil without TLS
		scheme string
		says   string // empty: the request is answered
	}{
		{"none on either side", api.TLS{}, nil, "", ""},
		{"none on either side, by its scheme", api.TLS{}, nil, "http://", ""},
		{"the host's alone", server, &ca, "", ""},
		{"by its scheme too", server, &ca, "https://", ""},
		{"both", mutual, &app, "https://", ""},
		{"another name is asked for", elsewhere, &client.TLSFiles{CA: ca.CA, ServerName: "n.example"}, "", ""},
		{"a client without TLS", server, nil, "", "this port wants TLS"},
		{"a host without TLS", api.TLS{}, &ca, "", "speaks no TLS"},
		{"no certificate", mutual, &ca, "", "wants a client's certificate"},
		{"a certificate of another authority", mutual, &client.TLSFiles{CA: ca.CA, Cert: other.path("app.crt"), Key: other.path("app.key")}, "", "client's certificate"},
		{"a host of another authority", server, &client.TLSFiles{CA: other.path("ca.crt")}, "", "--ca"},
		{"a host of no known authority", server, nil, "https://", "--ca"},
		{"a host of another name", elsewhere, &ca, "", "--server-name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := client.Options{Endpoints: []string{c.scheme + serve(t, c.port)}, RequestTimeout: 10 * time.Second}
			if c.says != "" {
				o.RequestTimeout = time.Second
			}
			if c.files != nil {
				config, err := c.files.Config()
				if err != nil {
					t.Fatal(err)
				}
				o.TLS = config
			}
			cl := newClient(t, o)
			for what, ask := range map[string]func() error{
				"Propose": func() error { _, err := cl.Propose(background, []byte("x")); return err },
				"Members": func() error { _, err := cl.Members(background); return err },
			} {
				err := ask()
				if c.says == "" && err != nil || c.says != "" && (!client.IsNotApplied(err) || !strings.Contains(err.Error(), c.says)) {
					t.Errorf("%s() = %v, want %q", what, err, c.says)
				}
			}
		})
	}
}

// A client's certificate is read again for each connection.
func TestAClientsCertificateIsReadAnew(t *testing.T) {
	own := newCerts(t)
	own.write(t, "app")(own.IssueClient("app", time.Hour))
	config, err := client.TLSFiles{Cert: own.path("app.crt"), Key: own.path("app.key")}.Config()
	if err != nil {
		t.Fatal(err)
	}
	own.write(t, "app")(own.IssueClient("next", time.Hour))
	if c, err := config.GetClientCertificate(nil); err != nil || c.Leaf.Subject.CommonName != "next" {
		t.Errorf("certificate of %v, error %v", c.Leaf.Subject, err)
	}
}

// A client goes on with its new certificate when the one ends that it has connected
// with: each proposal is applied, whatever else the client asks for.
func TestAClientOutlivesItsCertificate(t *testing.T) {
	own := newCerts(t)
	own.write(t, "port")(own.IssueServer("port", []string{"127.0.0.1"}, time.Hour))
	own.write(t, "app")(own.IssueClient("app", 3*time.Second))
	end := time.Now().Add(4 * time.Second)
	config, err := client.TLSFiles{CA: own.path("ca.crt"), Cert: own.path("app.crt"), Key: own.path("app.key")}.Config()
	if err != nil {
		t.Fatal(err)
	}
	port := api.TLS{Cert: own.path("port.crt"), Key: own.path("port.key"), ClientCA: own.path("ca.crt"), ClientAuth: api.AuthRequired}
	cl := newClient(t, client.Options{Endpoints: []string{serve(t, port)}, TLS: config, RequestTimeout: 2 * time.Second})
	if _, err := cl.Propose(background, []byte("x")); err != nil {
		t.Fatal(err)
	}
	own.write(t, "app")(own.IssueClient("app", time.Hour))
	for time.Now().Before(end) {
		if _, err := cl.Propose(background, []byte("x")); err != nil {
			t.Fatalf("%v before the certificate has ended for a second: %v", time.Until(end), err)
		}
	}
}

func TestTLSOptions(t *testing.T) {
	own := newCerts(t)
	own.write(t, "app")(own.IssueClient("app", time.Hour))
	for name, f := range map[string]client.TLSFiles{
		"no key":         {Cert: own.path("app.crt")},
		"no certificate": {Key: own.path("app.key")},
		"another's key":  {Cert: own.path("app.crt"), Key: own.path("ca.key")},
		"no authorities": {CA: own.path("app.key")},
		"no file":        {CA: own.path("missing")},
	} {
		if _, err := f.Config(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	config, err := client.TLSFiles{}.Config()
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]client.Options{
		"both schemes":         {Endpoints: []string{"https://h:1", "http://h:2"}},
		"another scheme":       {Endpoints: []string{"grpc://h:1"}},
		"http, and TLS":        {Endpoints: []string{"http://h:1"}, TLS: config},
		"a path":               {Endpoints: []string{"https://h:1/v1"}},
		"a scheme and no port": {Endpoints: []string{"https://h"}},
	} {
		if _, err := client.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
