package membercert

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// Errors of reading PEM.
var (
	// ErrNoPEM: there is not one block of the kind that is looked for.
	// ReadAuthority and Certificates return it.
	ErrNoPEM = errors.New("no PEM block of the right kind")
	// ErrOtherKey: the private key is not that of the certificate.
	// ReadAuthority returns it.
	ErrOtherKey = errors.New("private key belongs to another certificate, or is of a kind that is not supported")
)

// MaxPEMBytes is more than any file of certificates or keys needs.
const MaxPEMBytes = 1 << 20

// Certificates reads all certificates of a PEM text. There is at least one.
func Certificates(text []byte) ([]*x509.Certificate, error) {
	if len(text) > MaxPEMBytes {
		return nil, fmt.Errorf("certificates: more than %d bytes", MaxPEMBytes)
	}
	var all []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(all)+1, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("certificates: %w", ErrNoPEM)
	}
	return all, nil
}
