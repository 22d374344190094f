package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
)

// TLSFiles are PEM files from which a client's TLS is made.
type TLSFiles struct {
	// CA are the authorities that sign the certificates of hosts; those of the
	// system if empty.
	CA string
	// Cert and Key are what the client shows of itself, both or neither. They are
	// read again for each connection, so that they can be replaced.
	Cert, Key string
	// ServerName is the name that a host's certificate must have; by default the
	// host of its address.
	ServerName string
}

// Config reads the files and makes of them what Options.TLS wants.
func (f TLSFiles) Config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS13, ServerName: f.ServerName}
	if f.CA != "" {
		text, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, fmt.Errorf("client: authorities: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("client: authorities: %s holds no certificate", f.CA)
		}
	}
	switch {
	case (f.Cert == "") != (f.Key == ""):
		return nil, errors.New("client: a certificate and its key belong together: give both")
	case f.Cert == "":
		return c, nil
	}
	if _, err := tls.LoadX509KeyPair(f.Cert, f.Key); err != nil {
		return nil, fmt.Errorf("client: certificate %s with key %s: %w", f.Cert, f.Key, err)
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		return &pair, err
	}
	return c, nil
}

// secure takes the schemes off the endpoints. Those with https ask for TLS, and so
// for all members; those with http ask for none.
func (o *Options) secure() error {
	endpoints := make([]string, len(o.Endpoints))
	encrypted, plain := "", ""
	for i, e := range o.Endpoints {
		scheme, address, found := strings.Cut(e, "://")
		switch {
		case !found:
			address = e
		case scheme == "https":
			encrypted = e
		case scheme == "http":
			plain = e
		default:
			return fmt.Errorf("client: endpoint %q: the scheme must be https or http", e)
		}
		endpoints[i] = strings.TrimSuffix(address, "/")
	}
	switch {
	case plain != "" && encrypted != "":
		return fmt.Errorf("client: endpoints %s and %s: either all members speak TLS, or none", encrypted, plain)
	case plain != "" && o.TLS != nil:
		return fmt.Errorf("client: endpoint %s: TLS is asked for; write https", plain)
	case encrypted != "" && o.TLS == nil:
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	}
	o.Endpoints = endpoints
	return nil
}
