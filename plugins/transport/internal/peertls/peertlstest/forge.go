// Package peertlstest makes certificates for the tests of transports: good
// ones, in files, and those that every transport has to refuse.
package peertlstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/membercert"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
)

// Forge issues certificates and keeps them in a directory that ends with the
// test.
type Forge struct {
	Authority *membercert.Authority
	dir       string
	issued    int
}

// New makes a forge with an authority of its own.
func New(t testing.TB) *Forge {
	t.Helper()
	authority, err := membercert.NewAuthority("test", 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return &Forge{Authority: authority, dir: t.TempDir()}
}

// Pair issues a certificate that change, if not nil, has changed.
func (f *Forge) Pair(t testing.TB, n membercert.Name, change func(*x509.Certificate)) membercert.Pair {
	t.Helper()
	pair, err := f.Authority.Sign(n, nil, time.Hour, change)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// Certificate is Pair as crypto/tls wants it.
func (f *Forge) Certificate(t testing.TB, n membercert.Name, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	pair := f.Pair(t, n, change)
	c, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Files are new files with a good certificate of the member.
func (f *Forge) Files(t testing.TB, n membercert.Name) peertls.Files {
	t.Helper()
	f.issued++
	prefix := filepath.Join(f.dir, fmt.Sprintf("%d-", f.issued))
	files := peertls.Files{Cert: prefix + "cert.pem", Key: prefix + "key.pem", CA: prefix + "ca.pem"}
	Write(t, files, f.Pair(t, n, nil))
	authority, err := f.Authority.Pair()
	if err != nil {
		t.Fatal(err)
	}
	WriteFile(t, files.CA, authority.Cert)
	return files
}

// Config is a transport's config section with new files of the member.
func (f *Forge) Config(t testing.TB, n membercert.Name) string {
	t.Helper()
	files := f.Files(t, n)
	return fmt.Sprintf("tls: {cert: %q, key: %q, ca: %q}\n", files.Cert, files.Key, files.CA)
}

// Write replaces certificate and key.
func Write(t testing.TB, files peertls.Files, pair membercert.Pair) {
	t.Helper()
	WriteFile(t, files.Cert, pair.Cert)
	WriteFile(t, files.Key, pair.Key)
}

// WriteFile replaces one file.
func WriteFile(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A Stranger is a caller with a certificate that is not good enough.
type Stranger struct {
	Name string
	// Certificate is what the stranger shows, nothing if it is empty.
	Certificate tls.Certificate
	// Reason is that of peertls.Reason where the certificate is refused.
	Reason string
}

// Strangers are all those who pretend to be the member n and must be refused
// where one trusts the forge's authority.
func (f *Forge) Strangers(t testing.TB, n membercert.Name) []Stranger {
	t.Helper()
	otherCluster := membercert.Name{Cluster: n.Cluster + 1, Member: n.Member}
	signed := func(change func(*x509.Certificate)) tls.Certificate { return f.Certificate(t, n, change) }
	uri := func(c *x509.Certificate, raw string) {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		c.URIs = append(c.URIs, u)
	}
	return []Stranger{
		{"no certificate", tls.Certificate{}, "no_certificate"},
		{"expired", signed(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), "expired"},
		{"not yet valid", signed(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), "not_yet_valid"},
		{"another authority", New(t).Certificate(t, n, nil), "unknown_authority"},
		{"self-signed", selfSigned(t, n), "unknown_authority"},
		{"for another use", signed(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }), "wrong_usage"},
		{"another cluster", f.Certificate(t, otherCluster, nil), "other_cluster"},
		{"no name", signed(func(c *x509.Certificate) { c.URIs, c.DNSNames = nil, []string{"localhost"} }), "no_name"},
		{"several names", signed(func(c *x509.Certificate) { uri(c, membercert.Name{Cluster: n.Cluster, Member: n.Member + 1}.String()) }), "several_names"},
		{"another system's name", signed(func(c *x509.Certificate) { c.URIs = nil; uri(c, "spiffe://example/member") }), "bad_name"},
	}
}

// selfSigned is a certificate that only its own key has signed.
func selfSigned(t testing.TB, n membercert.Name) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		URIs: []*url.URL{n.URI()},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
