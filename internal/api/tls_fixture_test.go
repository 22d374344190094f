package api_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/membercert"
)

// authority issues certificates for one test, and keeps those of the ports in
// files.
type authority struct {
	*membercert.Authority
	dir string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a, err := membercert.NewAuthority("test", 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{a, t.TempDir()}
}

// port is the section tls of a port of 127.0.0.1.
func (a *authority) port(t *testing.T, auth api.ClientAuth) api.TLS {
	t.Helper()
	o := api.TLS{Cert: filepath.Join(a.dir, "port.crt"), Key: filepath.Join(a.dir, "port.key"), ClientAuth: auth}
	pair, err := a.IssueServer("port", []string{"127.0.0.1"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	a.write(t, o, pair)
	if auth != api.AuthNone {
		own, err := a.Pair()
		if err != nil {
			t.Fatal(err)
		}
		o.ClientCA = filepath.Join(a.dir, "ca.crt")
		writeFile(t, o.ClientCA, own.Cert)
	}
	return o
}

func (a *authority) write(t *testing.T, o api.TLS, p membercert.Pair) {
	t.Helper()
	writeFile(t, o.Key, p.Key)
	writeFile(t, o.Cert, p.Cert)
}

func writeFile(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// trusting is a client's configuration that trusts the authority and shows these
// certificates.
func (a *authority) trusting(shown ...tls.Certificate) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(a.Certificate)
	return &tls.Config{RootCAs: roots, Certificates: shown}
}

// client is the certificate of a client of that name.
func (a *authority) client(t *testing.T, name string) tls.Certificate {
	t.Helper()
	return usable(t)(a.IssueClient(name, time.Hour))
}

// usable is a pair as crypto/tls wants it.
func usable(t *testing.T) func(membercert.Pair, error) tls.Certificate {
	return func(p membercert.Pair, err error) tls.Certificate {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		c, err := tls.X509KeyPair(p.Cert, p.Key)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// rpc proposes to s over gRPC and returns the error.
func rpc(t *testing.T, s *api.Server, c *tls.Config) error {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+s.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(c)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err = hostv1.NewHostClient(conn).Propose(ctx, &hostv1.ProposeRequest{Data: []byte("x")})
	return err
}

// web is a browser or curl: it speaks HTTP/2 if it may.
func web(t *testing.T, c *tls.Config) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// shownBy is the certificate that a port shows.
func shownBy(t *testing.T, addr net.Addr, c *tls.Config) *x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", addr.String(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
