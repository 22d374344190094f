package peertls

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/pontoon-raft/pontoon/internal/certfiles"
	"github.com/pontoon-raft/pontoon/membercert"
	"github.com/pontoon-raft/pontoon/plugins"
)

// Identity is a node's certificate and the authorities it trusts, as they are
// in the files at the time. Its methods may be called concurrently.
type Identity struct {
	self     membercert.Name
	source   *certfiles.Source[*material]
	logger   *slog.Logger
	standing standing
}

// Open reads the files. Errors are plugins.ErrInvalidConfig and name the file.
// Without a logger, files that are broken later are not reported.
func Open(files Files, self membercert.Name, logger *slog.Logger) (*Identity, error) {
	if err := files.Check(); err != nil {
		return nil, err
	}
	build := func(texts []string) (*material, error) { return files.material(texts, self) }
	source, err := certfiles.Open(files.named(), build, (*material).end, logger)
	if err != nil && !errors.Is(err, plugins.ErrInvalidConfig) {
		err = fmt.Errorf("%w: %w", plugins.ErrInvalidConfig, err)
	}
	if err != nil {
		return nil, err
	}
	logger = cmp.Or(logger, slog.New(slog.DiscardHandler))
	return &Identity{self: self, source: source, logger: logger, standing: standing{all: map[*standingOne]struct{}{}}}, nil
}

// Server is the configuration of who is dialled: it asks for a certificate and
// refuses all but those of other members of the cluster. The caller owns it.
func (i *Identity) Server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		// Any: verifyCaller judges it, by the authorities of that moment.
		ClientAuth:             tls.RequireAnyClientCert,
		GetCertificate:         func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return i.material().pair, nil },
		VerifyConnection:       i.verifyCaller,
		SessionTicketsDisabled: true,
	}
}

// Client is the configuration of who dials that peer: any other's certificate
// is refused. The caller owns it.
func (i *Identity) Client(peer uint64) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		// Instead of host names, VerifyConnection compares the member's id. It
		// does all the rest of the verification too.
		InsecureSkipVerify:     true,
		GetClientCertificate:   func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return i.material().pair, nil },
		VerifyConnection:       func(s tls.ConnectionState) error { return i.verifyPeer(s, peer) },
		SessionTicketsDisabled: true,
	}
}

// PeerID is the id of the member at the other end of a connection made with
// Server or Client. It is an error if its certificate has expired since.
func (i *Identity) PeerID(s tls.ConnectionState) (uint64, error) {
	if !s.HandshakeComplete || len(s.PeerCertificates) == 0 {
		return 0, ErrNoCertificate
	}
	leaf := s.PeerCertificates[0]
	name, err := membercert.Of(leaf)
	if err == nil {
		err = certfiles.CheckTime(leaf, time.Now())
	}
	if err == nil {
		err = i.sameCluster(name)
	}
	if err != nil {
		return 0, err
	}
	return name.Member, nil
}

// Speaks refuses the other end of a connection made with Server or Client unless it is that
// member: as ErrOtherSender, or with the error of PeerID.
func (i *Identity) Speaks(s tls.ConnectionState, member uint64) error {
	id, err := i.PeerID(s)
	if err == nil && id != member {
		err = fmt.Errorf("%w: member %x says that it is %x", ErrOtherSender, id, member)
	}
	return err
}

// Expires is when the certificate in use runs out.
func (i *Identity) Expires() time.Time { return i.source.Last().end() }

func (i *Identity) verifyCaller(s tls.ConnectionState) error {
	name, err := i.verify(s, x509.ExtKeyUsageClientAuth)
	if err == nil && name == i.self {
		err = ErrOwnName
	}
	return err
}

func (i *Identity) verifyPeer(s tls.ConnectionState, peer uint64) error {
	name, err := i.verify(s, x509.ExtKeyUsageServerAuth)
	if err == nil && name.Member != peer {
		err = fmt.Errorf("%w: it is of %v instead of %v", ErrOtherMember, name, membercert.Name{Cluster: i.self.Cluster, Member: peer})
	}
	return err
}

func (i *Identity) verify(s tls.ConnectionState, usage x509.ExtKeyUsage) (membercert.Name, error) {
	name, err := i.material().judge(s.PeerCertificates, usage)
	if err == nil {
		err = i.sameCluster(name)
	}
	return name, err
}

func (i *Identity) sameCluster(n membercert.Name) error {
	if n.Cluster != i.self.Cluster {
		return fmt.Errorf("%w: it is of %v, and this node is %v", ErrOtherCluster, n, i.self)
	}
	return nil
}

// material is what connections are made with now.
func (i *Identity) material() *material { return i.source.Get() }
