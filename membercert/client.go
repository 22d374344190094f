package membercert

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/memberform"
)

// clientHost is where a member's URI has the cluster. It cannot be an id in
// hex, so a client's certificate is never a member's, nor the reverse.
const clientHost = "client"

// Errors of ClientOf. The texts say what to do, because they end up in a log.
var (
	// ErrNoClient: the certificate names no client. ClientOf returns it.
	ErrNoClient = errors.New("certificate names no client: it needs the URI pontoon://client/<name> as a subject alternative name, or no URI and the name as its common name")
	// ErrMember: the certificate is a member's. A member does not act as a
	// client on the ports for clients.
	ErrMember = errors.New("certificate is of a member, and clients have certificates of their own: make one with host cert init --client NAME")
)

// ClientURI is a client's name as it stands in a certificate.
func ClientURI(name string) *url.URL {
	return &url.URL{Scheme: Scheme, Host: clientHost, Path: "/" + name}
}

// ClientOf reads the client's name in a certificate: that of its only URI,
// pontoon://client/<name>, or without any URI its common name. It does not judge
// the certificate.
func ClientOf(c *x509.Certificate) (string, error) {
	name := c.Subject.CommonName
	switch {
	case len(c.URIs) > 1:
		return "", fmt.Errorf("%w: there are %d", ErrSeveralNames, len(c.URIs))
	case len(c.URIs) == 1:
		if _, err := parse(c.URIs[0]); err == nil {
			return "", ErrMember
		}
		name = strings.TrimPrefix(c.URIs[0].Path, "/")
		if c.URIs[0].String() != ClientURI(name).String() {
			return "", fmt.Errorf("%w: its URI is %.80q", ErrNoClient, c.URIs[0].String())
		}
	case name == "":
		return "", ErrNoClient
	}
	if err := memberform.CheckClientName(name); err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoClient, err)
	}
	return name, nil
}

// IssueClient makes a certificate for a client.
func (a *Authority) IssueClient(name string, valid time.Duration) (Pair, error) {
	if err := memberform.CheckClientName(name); err != nil {
		return Pair{}, err
	}
	return a.issue(subject{
		commonName: name, uri: ClientURI(name), usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, valid, nil)
}

// IssueServer makes a certificate for the client and the admin port of hosts:
// hosts are the DNS names and IP addresses under which clients reach them.
func (a *Authority) IssueServer(name string, hosts []string, valid time.Duration) (Pair, error) {
	return a.issue(subject{
		commonName: name, hosts: hosts, usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, valid, nil)
}
