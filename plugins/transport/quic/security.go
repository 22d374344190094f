package quictransport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
)

// Scheme is that of the URLs that peers can be reached under.
const Scheme = "quic"

// alpn names the protocol in the TLS handshake.
const alpn = "pontoon-raft"

// security decides how members prove who they are and which addresses may be
// used. Without identities, a certificate made at Open encrypts, and proves
// nothing.
type security struct {
	insecure  bool // addresses off loopback are allowed all the same
	throwaway tls.Certificate
}

func newSecurity(c config) (security, error) {
	pair, err := throwaway()
	if err != nil {
		return security{}, fmt.Errorf("make a certificate: %w", err)
	}
	return security{insecure: c.Insecure, throwaway: pair}, nil
}

// throwaway makes a certificate that nobody vouches for.
func throwaway() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(100, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// authenticated reports whether members prove who they are.
func (s security) authenticated() bool { return false }

// server is the configuration of who is dialled.
func (s security) server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{alpn},
		Certificates: []tls.Certificate{s.throwaway}, SessionTicketsDisabled: true,
	}
}

// client is the configuration of who dials the peer.
func (s security) client(uint64) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{alpn},
		// There is nothing to verify: see security.
		InsecureSkipVerify: true,
	}
}

// checkCaller refuses a caller whose certificate is not the claimed member's.
func (s security) checkCaller(tls.ConnectionState, uint64) error { return nil }

// checkListen refuses to be open to the world unasked.
func (s security) checkListen(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%w: listen address %q: %w", plugins.ErrInvalidConfig, address, err)
	}
	if !s.authenticated() && !s.insecure && !loopback(host) {
		return fmt.Errorf("%w: %s is not a loopback address and members do not prove who they are; "+
			"set insecure: true to listen there all the same", plugins.ErrInvalidConfig, address)
	}
	return nil
}

// parseURL reads a peer's URL and refuses those that must not be dialled.
func (s security) parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: peer URL: %w", plugins.ErrInvalidArgument, err)
	}
	switch {
	case u.Scheme != Scheme:
		return nil, fmt.Errorf("%w: peer URL %q: scheme must be %s", plugins.ErrInvalidArgument, raw, Scheme)
	case u.Hostname() == "" || u.Port() == "":
		return nil, fmt.Errorf("%w: peer URL %q: must have a host and a port", plugins.ErrInvalidArgument, raw)
	case (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.User != nil:
		return nil, fmt.Errorf("%w: peer URL %q: must be nothing but scheme, host and port", plugins.ErrInvalidArgument, raw)
	case !s.authenticated() && !s.insecure && !loopback(u.Hostname()):
		return nil, fmt.Errorf("%w: peer URL %q: not a loopback address and members do not prove who they are; "+
			"set insecure: true to use it all the same", plugins.ErrInvalidArgument, raw)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
