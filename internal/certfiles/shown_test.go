package certfiles

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/membercert"
)

// Authorities that were replaced stand for nothing that was shown before, whatever else is
// against it: the time of a certificate is over, or the other end has put certificates
// into its chain that make its verification end with another error. Authorities that
// stay stand for a connection also when the time of its certificate is over.
func TestAuthoritiesStandForTheirOwnAlone(t *testing.T) {
	old, staying := authority(t), authority(t)
	both, after := pool(old, staying), pool(staying)
	now := time.Now()
	for name, c := range map[string]struct {
		of      *membercert.Authority
		end     time.Time
		between []*x509.Certificate
		want    bool
	}{
		"staying":                       {of: staying, end: now.Add(time.Hour), want: true},
		"staying, ended":                {of: staying, end: now.Add(-time.Minute), want: true},
		"gone":                          {of: old, end: now.Add(time.Hour)},
		"gone, ended":                   {of: old, end: now.Add(-time.Minute)},
		"gone, with itself":             {of: old, end: now.Add(time.Hour), between: []*x509.Certificate{old.Certificate}},
		"gone, with an ended twin":      {of: old, end: now.Add(time.Hour), between: twins(t, old, 1, now.Add(-time.Minute))},
		"gone, with more than it tries": {of: old, end: now.Add(time.Hour), between: twins(t, old, 101, now.Add(time.Hour))},
		"gone, with the one that stays": {of: old, end: now.Add(time.Hour), between: []*x509.Certificate{staying.Certificate}},
	} {
		pair, err := c.of.Sign(membercert.Name{Cluster: 1, Member: 2}, nil, time.Hour, func(leaf *x509.Certificate) { leaf.NotAfter = c.end })
		if err != nil {
			t.Fatal(err)
		}
		chain, err := membercert.Certificates(pair.Cert)
		if err != nil {
			t.Fatal(err)
		}
		s := Shown{Chain: append(chain, c.between...), At: now.Add(-30 * time.Minute)}
		if got := s.StoodForBy(after); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		if len(c.between) < 100 && !s.StoodForBy(both) {
			t.Errorf("%s: not stood for before its authority was replaced", name)
		}
	}
}

func authority(t *testing.T) *membercert.Authority {
	t.Helper()
	a, err := membercert.NewAuthority("one name for all", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func pool(all ...*membercert.Authority) *x509.CertPool {
	p := x509.NewCertPool()
	for _, a := range all {
		p.AddCert(a.Certificate)
	}
	return p
}

// twins are other certificates of an authority's key.
func twins(t *testing.T, of *membercert.Authority, count int, end time.Time) (all []*x509.Certificate) {
	t.Helper()
	text, err := of.Pair()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(text.Cert, text.Key)
	if err != nil {
		t.Fatal(err)
	}
	for i := range count {
		twin := *of.Certificate
		twin.NotAfter = end.Add(-time.Duration(i) * time.Second)
		der, err := x509.CreateCertificate(rand.Reader, &twin, of.Certificate, of.Certificate.PublicKey, pair.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}
