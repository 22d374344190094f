package certfiles

import (
	"crypto/x509"
	"time"
)

// Shown are the certificates with which the other end of a connection has proven its name.
// A connection stands for days, and has shown its certificate to the authorities of its
// beginning. When they are replaced, as after the theft of a key, it is judged again.
type Shown struct {
	// Chain are the certificates, the leaf first.
	Chain []*x509.Certificate
	// At is the time at which they were shown.
	At time.Time
}

// StoodForBy tells whether the authorities stand for what was shown. That a time is over
// ends no connection: it is enough that they do as of when it was shown, or, for those
// that are younger than that, as of the last moment at which the leaf was good. Any
// other reason against the chain does: the other end chose the certificates that are
// between the leaf and an authority, and with them what is found wrong first.
func (s Shown) StoodForBy(authorities *x509.CertPool) bool {
	last := time.Now()
	if end := s.Chain[0].NotAfter; end.Before(last) {
		last = end
	}
	for _, at := range []time.Time{s.At, last} {
		// The usage was judged when the chain was shown.
		if Verify(s.Chain, authorities, at, x509.ExtKeyUsageAny) == nil {
			return true
		}
	}
	return false
}

// Verify verifies a chain, the leaf first, as of a time. The errors are those of package x509.
func Verify(chain []*x509.Certificate, authorities *x509.CertPool, at time.Time, usage x509.ExtKeyUsage) error {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: authorities, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{usage},
	})
	return err
}
