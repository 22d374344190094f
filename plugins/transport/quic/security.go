package quictransport

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"time"

	"github.com/pontoon-raft/pontoon/internal/membercert"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/guard"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/refusals"
)

// Scheme is that of the URLs that peers can be reached under.
const Scheme = "quic"

// alpn names the protocol in the TLS handshake.
const alpn = "pontoon-raft"

// security decides how members prove who they are and which addresses may be
// used. With members, both ends know which member the other one is. Without, a
// certificate made at Open encrypts and proves nothing: it is believed what
// the other end says, and addresses are those of loopback unless insecure is
// set.
type security struct {
	members   *peertls.Identity
	guard     guard.Guard
	throwaway tls.Certificate // without members
	refusals  *refusals.Refusals
}

// newSecurity reads the certificates, or makes one.
func newSecurity(c config, self identity, logger *slog.Logger) (security, error) {
	s := security{guard: guard.Guard{Scheme: Scheme}, refusals: refusals.New(logger, "pontoon_transport_quic_refused_total")}
	var err error
	if c.TLS != nil {
		s.members, err = peertls.Open(*c.TLS, membercert.Name{Cluster: self.cluster, Member: self.node}, logger)
		return s, err
	}
	if !c.Insecure {
		s.guard.Lack = "members do not prove who they are"
	}
	if s.throwaway, err = throwaway(); err != nil {
		err = fmt.Errorf("make a certificate: %w", err)
	}
	return s, err
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
func (s security) authenticated() bool { return s.members != nil }

// server is the configuration of who is dialled.
func (s security) server() *tls.Config {
	c := &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{s.throwaway}, SessionTicketsDisabled: true,
	}
	if s.authenticated() {
		c = s.members.Server()
	}
	c.NextProtos = []string{alpn}
	if s.authenticated() {
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
				s.refusals.Called(address, err)
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
	if s.authenticated() {
		c = s.members.Client(peer)
	}
	c.NextProtos = []string{alpn}
	return c
}

// checkCaller refuses a caller at that address whose certificate is not the claimed member's.
func (s security) checkCaller(address net.Addr, state tls.ConnectionState, claimed uint64) error {
	if !s.authenticated() {
		return nil
	}
	member, err := s.members.PeerID(state)
	if err == nil && member != claimed {
		err = fmt.Errorf("%w: it is of member %x, and the caller says %x", peertls.ErrOtherSender, member, claimed)
	}
	if err != nil {
		s.refusals.Called(address.String(), err)
	}
	return err
}

// watch keeps the certificates up to date until ctx ends.
func (s security) watch(ctx context.Context) {
	if s.authenticated() {
		s.members.Watch(ctx)
	}
}
