package membercert

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/url"
	"slices"
	"testing"
	"time"
)

func TestNamesOfCertificates(t *testing.T) {
	uri := func(s ...string) *x509.Certificate {
		c := &x509.Certificate{}
		for _, raw := range s {
			u, err := url.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			c.URIs = append(c.URIs, u)
		}
		return c
	}
	for _, c := range []struct {
		name string
		cert *x509.Certificate
		want error
	}{
		{"one", uri("pontoon://abc/2"), nil},
		{"largest", uri("pontoon://ffffffffffffffff/ffffffffffffffff"), nil},
		{"none", uri(), ErrNoName},
		{"DNS name only", &x509.Certificate{DNSNames: []string{"n1"}}, ErrNoName},
		{"two", uri("pontoon://abc/2", "pontoon://abc/3"), ErrSeveralNames},
		{"another system's beside it", uri("pontoon://abc/2", "spiffe://x/y"), ErrSeveralNames},
		{"another system's", uri("spiffe://abc/2"), ErrBadName},
		{"no member", uri("pontoon://abc"), ErrBadName},
		{"member 0", uri("pontoon://abc/0"), ErrBadName},
		{"cluster 0", uri("pontoon://0/2"), ErrBadName},
		{"leading zero", uri("pontoon://abc/02"), ErrBadName},
		{"upper case", uri("pontoon://ABC/2"), ErrBadName},
		{"too long", uri("pontoon://abc/10000000000000000"), ErrBadName},
		{"no hex", uri("pontoon://abc/n1"), ErrBadName},
		{"port", uri("pontoon://abc:1/2"), ErrBadName},
		{"user", uri("pontoon://x@abc/2"), ErrBadName},
		{"deeper", uri("pontoon://abc/2/3"), ErrBadName},
		{"slash at the end", uri("pontoon://abc/2/"), ErrBadName},
		{"query", uri("pontoon://abc/2?a"), ErrBadName},
		{"empty query", uri("pontoon://abc/2?"), ErrBadName},
		{"fragment", uri("pontoon://abc/2#a"), ErrBadName},
		{"opaque", uri("pontoon:abc/2"), ErrBadName},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := Of(c.cert)
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Fatalf("got %v, error %v, want %v", n, err, c.want)
			}
			if err == nil && n.String() != c.cert.URIs[0].String() {
				t.Errorf("%v came back as %v", c.cert.URIs[0], n)
			}
		})
	}
}

// A certificate that an authority issues says whose it is, is signed by the
// authority, and fits the key that came with it. An authority that was written
// and read issues alike.
func TestIssue(t *testing.T) {
	first, err := NewAuthority("demo", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := first.Pair()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadAuthority(kept)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(first.Certificate)
	name := Name{0xabc, 2}
	for _, a := range []*Authority{first, again} {
		p, err := a.Issue(name, []string{"n2.example", "127.0.0.1", "::1"}, 24*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := tls.X509KeyPair(p.Cert, p.Key)
		if err != nil {
			t.Fatal(err)
		}
		c := pair.Leaf
		if _, err := c.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
			t.Error(err)
		}
		if n, err := Of(c); n != name || err != nil {
			t.Errorf("issued for %v, names %v, error %v", name, n, err)
		}
		if got := Hosts(c); !slices.Equal(got, []string{"n2.example", "127.0.0.1", "::1"}) {
			t.Errorf("hosts are %v", got)
		}
		if c.NotAfter.After(first.Certificate.NotAfter) {
			t.Errorf("valid until %v, longer than its authority: %v", c.NotAfter, first.Certificate.NotAfter)
		}
	}
}

func TestReadAuthorityRefusesWhatIsNone(t *testing.T) {
	a, err := NewAuthority("a", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewAuthority("b", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	good, err := a.Pair()
	if err != nil {
		t.Fatal(err)
	}
	other, err := b.Pair()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		pair Pair
		want error
	}{
		{"nothing", Pair{}, ErrNoPEM},
		{"no key", Pair{Cert: good.Cert}, ErrNoPEM},
		{"key instead of certificate", Pair{Cert: good.Key, Key: good.Key}, ErrNoPEM},
		{"another key", Pair{Cert: good.Cert, Key: other.Key}, ErrOtherKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := ReadAuthority(c.pair); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// A file of several authorities that is half written, or damaged in the middle, is not one
// of fewer authorities.
func TestNoCertificateIsPassedOver(t *testing.T) {
	var text []byte
	for range 2 {
		a, err := NewAuthority("a", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := a.Pair()
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, pair.Cert...)
	}
	second := len(text) / 2
	if all, err := Certificates(append([]byte("# two\n"), text...)); err != nil || len(all) != 2 {
		t.Fatalf("%d certificates, %v", len(all), err)
	}
	for cut := second + len("-----BEGIN CERT"); cut < len(text)-len("-\n"); cut++ {
		if all, err := Certificates(text[:cut]); !errors.Is(err, ErrCutOff) {
			t.Fatalf("cut off at %d of %d: %d certificates, %v", cut, len(text), len(all), err)
		}
	}
	for _, at := range []int{40, second + 40} {
		damaged := bytes.Clone(text)
		damaged[at] = '!'
		if all, err := Certificates(damaged); err == nil {
			t.Errorf("damaged at %d: %d certificates", at, len(all))
		}
	}
}

func TestNamesOfClients(t *testing.T) {
	uri := func(raw ...string) *x509.Certificate {
		c := &x509.Certificate{Subject: pkix.Name{CommonName: "other"}}
		for _, s := range raw {
			u, err := url.Parse(s)
			if err != nil {
				t.Fatal(err)
			}
			c.URIs = append(c.URIs, u)
		}
		return c
	}
	common := func(name string) *x509.Certificate { return &x509.Certificate{Subject: pkix.Name{CommonName: name}} }
	for _, c := range []struct {
		name string
		cert *x509.Certificate
		want string
		err  error
	}{
		{"by its URI", uri("pontoon://client/app"), "app", nil},
		{"by its common name", common("alice@example.org"), "alice@example.org", nil},
		{"nothing", common(""), "", ErrNoClient},
		{"a name that steers terminals", common("a\x1b[31m"), "", ErrNoClient},
		{"a name of several words", common("Alice Smith"), "", ErrNoClient},
		{"a member", uri("pontoon://a3/1"), "", ErrMember},
		{"another system's", uri("spiffe://client/app"), "", ErrNoClient},
		{"a deeper path", uri("pontoon://client/a/b"), "", ErrNoClient},
		{"a query", uri("pontoon://client/app?x"), "", ErrNoClient},
		{"no name in the URI", uri("pontoon://client/"), "", ErrNoClient},
		{"two", uri("pontoon://client/a", "pontoon://client/b"), "", ErrSeveralNames},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := ClientOf(c.cert); got != c.want || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("got %q, error %v, want %q, %v", got, err, c.want, c.err)
			}
		})
	}
	if _, err := Of(uri("pontoon://client/app")); !errors.Is(err, ErrBadName) {
		t.Errorf("a client is taken for a member: %v", err)
	}
}
