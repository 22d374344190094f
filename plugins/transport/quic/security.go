package quictransport

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/guard"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/trust"
)

// Scheme is that of the URLs that peers can be reached under.
const Scheme = "quic"

// errAuthority is with what a connection ends whose certificate the authorities of today
// do not stand for.
var errAuthority = errors.New("the certificate is of an authority that is not in tls.ca any more")

// alpn names the protocol in the TLS handshake.
const alpn = "pontoon-raft"

// security makes the configuration of TLS. Without certificates of members, one made
// at Open encrypts and proves nothing.
type security struct {
	trust.Trust
	throwaway tls.Certificate // without those of members
}

// bare is the guard of connections without certificates of members.
var bare = guard.Guard{Scheme: Scheme, Lack: "members do not prove who they are"}

// newSecurity makes a certificate where there are none of members.
func newSecurity(t trust.Trust) (s security, err error) {
	s = security{Trust: t}
	if t.Proven() {
		return s, nil
	}
	if s.throwaway, err = throwaway(); err != nil {
		err = fmt.Errorf("make a certificate: %w", err)
	}
	return s, err
}

// throwaway makes a certificate that no authority has signed.
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

// server is the configuration of who is dialled.
func (s security) server() *tls.Config {
	c := &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{s.throwaway}, SessionTicketsDisabled: true,
	}
	if s.Proven() {
		c = s.Members.Server()
	}
	c.NextProtos = []string{alpn}
	if s.Proven() {
		s.watchCallers(c)
	}
	return c
}

// watchCallers makes c note whose certificate it refuses.
func (s security) watchCallers(c *tls.Config) {
	each := c.Clone()
	c.GetConfigForClient = func(caller *tls.ClientHelloInfo) (*tls.Config, error) {
		address := caller.Conn.RemoteAddr().String()
		own := each.Clone()
		own.VerifyConnection = func(state tls.ConnectionState) error {
			err := each.VerifyConnection(state)
			if err != nil {
				s.Refusals.Called(address, err)
			}
			return err
		}
		return own, nil
	}
}

// client is the configuration of who dials the peer.
func (s security) client(peer uint64) *tls.Config {
	// There is nothing to verify: see security.
	c := &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}
	if s.Proven() {
		c = s.Members.Client(peer)
	}
	c.NextProtos = []string{alpn}
	return c
}

// hold ends a connection when the authorities of its other end are replaced.
func (s security) hold(conn *quic.Conn) {
	if !s.Proven() {
		return
	}
	release := s.Members.Hold(conn.ConnectionState().TLS, func() { closeConn(conn, closeRefused, errAuthority) })
	context.AfterFunc(conn.Context(), release)
}

// checkCaller refuses a caller at that address whose certificate is not the claimed member's.
func (s security) checkCaller(address net.Addr, state tls.ConnectionState, claimed uint64) error {
	if !s.Proven() {
		return nil
	}
	err := s.Members.Speaks(state, claimed)
	if err != nil {
		s.Refusals.Called(address.String(), err)
	}
	return err
}
