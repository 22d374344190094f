package certfiles

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/membercert"
)

// A Fault is what is wrong with one file.
type Fault struct {
	// Key is that of the configuration which names the file.
	Key string
	// Err says what is wrong. It names the file.
	Err error
}

// Error implements error.
func (f *Fault) Error() string { return f.Key + ": " + f.Err.Error() }

// Unwrap makes errors.Is see the cause.
func (f *Fault) Unwrap() error { return f.Err }

// Fault is what is wrong with the content of the file.
func (f File) Fault(err error) *Fault { return &Fault{f.Key, fmt.Errorf("%s: %w", f.Path, err)} }

// Faults lists all Faults in err, which may be several errors joined.
func Faults(err error) (all []*Fault) {
	if fault, ok := err.(*Fault); ok {
		return []*Fault{fault}
	}
	switch err := err.(type) {
	case interface{ Unwrap() []error }:
		for _, one := range err.Unwrap() {
			all = append(all, Faults(one)...)
		}
	case interface{ Unwrap() error }:
		return Faults(err.Unwrap())
	}
	return all
}

// Pair makes a certificate with its key of the texts of two files. The error is the
// Fault of one of them.
func Pair(cert, key File, certText, keyText string) (*tls.Certificate, error) {
	if _, err := membercert.Certificates([]byte(certText)); err != nil {
		return nil, cert.Fault(err)
	}
	pair, err := tls.X509KeyPair([]byte(certText), []byte(keyText))
	if err != nil {
		return nil, key.Fault(fmt.Errorf("with %s %s: %w", cert.Key, cert.Path, err))
	}
	return &pair, nil
}

// Authorities are those of a file's text. The error is a Fault.
func Authorities(f File, text string) (*x509.CertPool, error) {
	all, err := membercert.Certificates([]byte(text))
	if err != nil {
		return nil, f.Fault(err)
	}
	pool := x509.NewCertPool()
	for _, c := range all {
		pool.AddCert(c)
	}
	return pool, nil
}

// InTime reads the file, and reports a Fault if what is in it is of no use at that
// time: a chain one of whose certificates has ended, or authorities of which all have.
func (f File) InTime(now time.Time, authorities bool) error {
	text, err := f.Read()
	if err != nil {
		return err
	}
	span, err := SpanOf([]byte(text), authorities)
	switch {
	case err != nil:
		return f.Fault(err)
	case now.After(span.End):
		return f.Fault(fmt.Errorf("it has expired at %s: put a new one into its place", span.End.UTC().Format(time.RFC3339)))
	case now.Before(span.Begin):
		return f.Fault(fmt.Errorf("it is not valid before %s: compare the clocks of this machine and of its issuer", span.Begin.UTC().Format(time.RFC3339)))
	}
	return nil
}
