package main

import (
	"crypto/x509"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/membercert"
)

// protectedConfig is a configuration with TLS on all ports of its member.
const protectedConfig = `node: {id: 1, name: n1, data_dir: data}
cluster:
  id: a3
  members: [{id: 1, name: n1, peer_urls: ["https://127.0.0.1:7501"], client_address: "127.0.0.1:7401"}]
api:
  tls:
    cert: api.crt
    key: api.key
    client_ca: ca.crt
admin:
  listen: 127.0.0.1:7601
  tls:
    cert: admin.crt
    key: admin.key
    client_ca: ca.crt
plugins:
  transport:
    name: http
    config:
      tls:
        cert: n1.crt
        key: n1.key
        ca: members.crt
  storage: {name: wal}
  statemachine: {name: kv}
`

// files are those that protectedConfig names, in the directory of the test.
type files struct{ clients, members *membercert.Authority }

func newFiles(t *testing.T) files {
	t.Helper()
	t.Chdir(t.TempDir())
	f := files{newTestAuthority(t, time.Hour), newTestAuthority(t, time.Hour)}
	f.write(t, "ca")(f.clients.Pair())
	f.write(t, "members")(f.members.Pair())
	f.write(t, "n1")(f.member(f.members, 1, nil))
	for _, port := range []string{"api", "admin"} {
		f.write(t, port)(f.clients.IssueServer(port, []string{"127.0.0.1"}, time.Hour))
	}
	writeText(t, "host.yaml", protectedConfig)
	return f
}

func newTestAuthority(t *testing.T, valid time.Duration) *membercert.Authority {
	t.Helper()
	a, err := membercert.NewAuthority("test", valid)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (files) member(a *membercert.Authority, id uint64, change func(*x509.Certificate)) (membercert.Pair, error) {
	return a.Sign(membercert.Name{Cluster: 0xa3, Member: id}, nil, time.Hour, change)
}

func (files) write(t *testing.T, name string) func(membercert.Pair, error) {
	return func(p membercert.Pair, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		writeText(t, name+".crt", string(p.Cert))
		writeText(t, name+".key", string(p.Key))
	}
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// config validate reads the certificates, keys and authorities of all three ports: each
// mistake has the key of its file, and the line on which the configuration names it.
func TestConfigValidateReadsTheFilesOfTLS(t *testing.T) {
	const member = "plugins.transport.config."
	ended := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	}
	later := func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }
	for _, c := range []struct {
		name  string
		spoil func(*testing.T, files)
		says  []string // none: it is valid
	}{
		{"all is well", func(*testing.T, files) {}, nil},
		{"missing files", func(t *testing.T, _ files) {
			for _, path := range []string{"api.crt", "api.key", "admin.key", "members.crt"} {
				remove(t, path)
			}
		}, []string{"host.yaml:7: api.tls.cert: stat api.crt", "host.yaml:8: api.tls.key: stat api.key", "host.yaml:14: admin.tls.key: ", ": " + member + "tls.ca: stat members.crt"}},
		{"the key of another certificate", func(t *testing.T, f files) {
			other, _ := f.clients.IssueServer("other", nil, time.Hour)
			writeText(t, "api.key", string(other.Key))
			mine, _ := f.member(f.members, 1, nil)
			writeText(t, "n1.key", string(mine.Key))
		}, []string{"api.tls.key: api.key: with api.tls.cert api.crt", member + "tls.key: n1.key: "}},
		{"a certificate of a port that has ended", func(t *testing.T, f files) {
			f.write(t, "admin")(f.clients.IssueServer("admin", nil, -time.Minute))
		}, []string{"host.yaml:13: admin.tls.cert: admin.crt: it has expired at"}},
		{"a certificate of a member that has ended", func(t *testing.T, f files) {
			f.write(t, "n1")(f.member(f.members, 1, ended))
		}, []string{member + "tls.cert: n1.crt: certificate has expired"}},
		{"a certificate of a member that is not valid yet", func(t *testing.T, f files) {
			f.write(t, "n1")(f.member(f.members, 1, later))
		}, []string{member + "tls.cert: n1.crt: certificate is not valid yet"}},
		{"authorities of clients that have ended", func(t *testing.T, f files) {
			f.write(t, "ca")(newTestAuthority(t, -time.Minute).Pair())
		}, []string{"api.tls.client_ca: ca.crt: it has expired", "admin.tls.client_ca: ca.crt: it has expired"}},
		{"a member of another authority", func(t *testing.T, f files) {
			f.write(t, "n1")(f.member(f.clients, 1, nil))
		}, []string{member + "tls.cert: n1.crt: certificate is not signed by an authority in tls.ca"}},
		{"another member's certificate", func(t *testing.T, f files) {
			f.write(t, "n1")(f.member(f.members, 2, nil))
		}, []string{member + "tls.cert: n1.crt: it is the certificate of pontoon://a3/2"}},
		{"a client's certificate on a port", func(t *testing.T, f files) {
			f.write(t, "api")(f.clients.IssueClient("app", time.Hour))
		}, []string{"api.tls.cert: api.crt: certificate is not a server's"}},
		{"a key in place of authorities", func(t *testing.T, _ files) {
			writeText(t, "ca.crt", readText(t, "ca.key"))
		}, []string{"api.tls.client_ca: ca.crt: certificates: no PEM block", "admin.tls.client_ca: ca.crt: "}},
		{"a byte order mark", func(t *testing.T, _ files) {
			writeText(t, "api.crt", "\xef\xbb\xbf"+readText(t, "api.crt"))
		}, []string{"api.tls.cert: api.crt begins with a byte order mark"}},
		{"a directory", func(t *testing.T, _ files) {
			remove(t, "members.crt")
			if err := os.Mkdir("members.crt", 0o700); err != nil {
				t.Fatal(err)
			}
		}, []string{member + "tls.ca: members.crt is not a file"}},
		{"an unknown key of a shipped transport", func(t *testing.T, _ files) {
			writeText(t, "host.yaml", strings.Replace(protectedConfig, "        ca: ", "        cas: ", 1))
		}, []string{"host.yaml:19: plugins.transport.config: ", "field cas not found"}},
		{"what the admin port takes from the client port is said once", func(t *testing.T, _ files) {
			writeText(t, "host.yaml", strings.Replace(protectedConfig, "  tls:\n    cert: admin.crt\n    key: admin.key\n    client_ca: ca.crt\n", "", 1))
			remove(t, "api.key")
		}, []string{"api.tls.key: stat api.key"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.spoil(t, newFiles(t))
			got := host(t, "config", "validate", "--config", "host.yaml")
			want := exitUsage
			if c.says == nil {
				want = exitOK
			}
			if got.code != want {
				t.Errorf("exit code %d, want %d", got.code, want)
			}
			for _, s := range c.says {
				if !strings.Contains(got.stderr, s) {
					t.Errorf("it does not say %q", s)
				}
			}
			if n := strings.Count(got.stderr, "host.yaml:"); n != problemsIn(c.says) {
				t.Errorf("%d problems", n)
			}
			if t.Failed() {
				t.Log(got.stderr)
			}
		})
	}
}

// problemsIn counts the texts that begin with a key.
func problemsIn(says []string) (n int) {
	for _, s := range says {
		if strings.Contains(s, "tls.") || strings.Contains(s, ".config: ") {
			n++
		}
	}
	return n
}
