package certfiles

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/membercert"
)

// Why a member's certificate is refused, besides the errors of membercert.Of. The texts
// say what to do, and stay the same from one look to the next: see Source.
var (
	// ErrExpired: its time is over.
	ErrExpired = errors.New("certificate has expired: issue a new one")
	// ErrNotYetValid: its time has not come.
	ErrNotYetValid = errors.New("certificate is not valid yet: compare the clocks of both nodes and of its issuer")
	// ErrUnknownAuthority: no authority in the CA file has signed it.
	ErrUnknownAuthority = errors.New("certificate is not signed by an authority in tls.ca: issue it by one of those, or add its authority to tls.ca of all members")
	// ErrWrongUsage: it was made for something else.
	ErrWrongUsage = errors.New("certificate is for another use: it needs the extended key usages serverAuth and clientAuth")
	// ErrUnverifiable: anything else that is wrong with it.
	ErrUnverifiable = errors.New("certificate cannot be verified")
)

// Member makes of the texts of a member's files, which are its certificate, its key and the
// authorities of members, what connections need. It refuses a pair that other members would
// refuse. The error is a Fault.
func Member(files []File, texts []string, self membercert.Name) (*tls.Certificate, *x509.CertPool, error) {
	pair, err := Pair(files[0], files[1], texts[0], texts[1])
	if err != nil {
		return nil, nil, err
	}
	authorities, err := Authorities(files[2], texts[2])
	if err != nil {
		return nil, nil, err
	}
	chain, err := parseChain(pair)
	if err != nil {
		return nil, nil, files[0].Fault(err)
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		name, err := Judge(chain, authorities, usage)
		if err == nil && name != self {
			err = fmt.Errorf("it is the certificate of %v, and this node is %v", name, self)
		}
		if err != nil {
			return nil, nil, files[0].Fault(err)
		}
	}
	return pair, authorities, nil
}

func parseChain(pair *tls.Certificate) ([]*x509.Certificate, error) {
	chain := []*x509.Certificate{pair.Leaf}
	for _, der := range pair.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		chain = append(chain, c)
	}
	return chain, nil
}

// Judge verifies a chain, the leaf first, and returns the name of its member.
func Judge(chain []*x509.Certificate, authorities *x509.CertPool, usage x509.ExtKeyUsage) (membercert.Name, error) {
	now := time.Now()
	if err := Verify(chain, authorities, now, usage); err != nil {
		return membercert.Name{}, explain(err, now)
	}
	return membercert.Of(chain[0])
}

// explain says which of our errors one of x509 is.
func explain(err error, now time.Time) error {
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return CheckTime(invalid.Cert, now)
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return ErrWrongUsage
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return ErrUnknownAuthority
	}
	return fmt.Errorf("%w: %w", ErrUnverifiable, err)
}

// CheckTime reports a certificate whose time is over or has not come.
func CheckTime(c *x509.Certificate, now time.Time) error {
	switch {
	case now.After(c.NotAfter):
		return fmt.Errorf("%w: it was valid until %s", ErrExpired, c.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(c.NotBefore):
		return fmt.Errorf("%w: it will be from %s on", ErrNotYetValid, c.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}
