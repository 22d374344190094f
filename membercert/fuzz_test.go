package membercert

import (
	"crypto/x509"
	"net/url"
	"testing"
	"time"
)

// FuzzName: the URI of a certificate is refused, or is the one that the member's
// name has: no two texts are one member.
func FuzzName(f *testing.F) {
	f.Add("pontoon://b3/1")
	f.Add("pontoon://B3/01")
	f.Add("pontoon://b3/1?x#y")
	f.Add("pontoon://b3:1/1")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := url.Parse(text)
		if err != nil {
			return
		}
		n, err := Of(&x509.Certificate{URIs: []*url.URL{u}})
		if err != nil {
			return
		}
		if n.Cluster == 0 || n.Member == 0 || u.String() != n.String() {
			t.Fatalf("%q is %v", text, n)
		}
	})
}

// FuzzCertificates: a file of certificates, whatever is in it, is refused or has at
// least one, and an authority is read of no text that has no key.
func FuzzCertificates(f *testing.F) {
	authority, err := NewAuthority("seed", time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	pair, err := authority.Pair()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pair.Cert, pair.Key)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"), []byte{})
	f.Fuzz(func(t *testing.T, certificate, key []byte) {
		if all, err := Certificates(certificate); err == nil && len(all) == 0 {
			t.Fatal("no certificates and no error")
		}
		if a, err := ReadAuthority(Pair{certificate, key}); err == nil && a.Certificate == nil {
			t.Fatal("an authority without a certificate")
		}
	})
}
