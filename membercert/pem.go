package membercert

import (
	"bytes"
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
	// ErrCutOff: a block begins that cannot be read, as in a file that is half
	// written. To pass over it would be to lose an authority. Certificates returns it.
	ErrCutOff = errors.New("a PEM block begins and cannot be read: the file is cut off, or damaged")
	// ErrOtherKey: the private key is not that of the certificate.
	// ReadAuthority returns it.
	ErrOtherKey = errors.New("private key belongs to another certificate, or is of a kind that is not supported")
)

// MaxPEMBytes is more than any file of certificates or keys needs.
const MaxPEMBytes = 1 << 20

// beginnings counts the lines with which blocks begin. Package pem passes over a block
// that it cannot read.
func beginnings(text []byte) int {
	begin := []byte("-----BEGIN")
	count := bytes.Count(text, append([]byte("\n"), begin...))
	if bytes.HasPrefix(text, begin) {
		count++
	}
	return count
}

// Certificates reads all certificates of a PEM text. There is at least one.
func Certificates(text []byte) ([]*x509.Certificate, error) {
	if len(text) > MaxPEMBytes {
		return nil, fmt.Errorf("certificates: more than %d bytes", MaxPEMBytes)
	}
	var all []*x509.Certificate
	blocks := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		blocks++
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(all)+1, err)
		}
		all = append(all, c)
	}
	if begun := beginnings(text); begun > blocks {
		return nil, fmt.Errorf("certificates: %w (%d blocks, and %d can be read)", ErrCutOff, begun, blocks)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("certificates: %w", ErrNoPEM)
	}
	return all, nil
}
