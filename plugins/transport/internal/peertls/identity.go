package peertls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/membercert"
)

// recheck is the least time between two looks at the files.
const recheck = 2 * time.Second

// Identity is a node's certificate and the authorities it trusts, as they are
// in the files at the time. Its methods may be called concurrently.
type Identity struct {
	files   Files
	self    membercert.Name
	logger  *slog.Logger
	recheck time.Duration
	current atomic.Pointer[material]

	mu      sync.Mutex // held while the files are looked at
	checked time.Time
	used    texts  // what current was made of
	problem string // of the files as they were found last; "" if none
	warned  string // the last problem that was logged
}

// Open reads the files. Errors are plugins.ErrInvalidConfig and name the file.
// Without a logger, nobody hears of files that are broken later.
func Open(files Files, self membercert.Name, logger *slog.Logger) (*Identity, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	if err := files.Check(); err != nil {
		return nil, err
	}
	t, err := files.read()
	if err != nil {
		return nil, err
	}
	m, err := files.material(t, self)
	if err != nil {
		return nil, err
	}
	i := &Identity{files: files, self: self, logger: logger, recheck: recheck, checked: time.Now(), used: t}
	i.current.Store(m)
	return i, nil
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
		err = inTime(leaf, time.Now())
	}
	if err == nil {
		err = i.sameCluster(name)
	}
	if err != nil {
		return 0, err
	}
	return name.Member, nil
}

// Expires is when the certificate in use runs out.
func (i *Identity) Expires() time.Time { return i.current.Load().pair.Leaf.NotAfter }

// Watch looks at the files from time to time until ctx ends, so that a mistake
// in them shows before the next connection does.
func (i *Identity) Watch(ctx context.Context) {
	ticker := time.NewTicker(i.recheck)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			i.material()
		}
	}
}

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

// material is what connections are made with now. If somebody else is looking
// at the files, it is what they were before.
func (i *Identity) material() *material {
	if i.mu.TryLock() {
		i.refresh()
		i.mu.Unlock()
	}
	return i.current.Load()
}

// refresh looks at the files, unless it is too early. It needs i.mu. Content
// is compared, not times: nothing that changes it goes unnoticed.
func (i *Identity) refresh() {
	if time.Since(i.checked) < i.recheck {
		return
	}
	i.checked = time.Now()
	t, err := i.files.read()
	if err == nil && t == i.used {
		i.problem, i.warned = "", ""
		return
	}
	var m *material
	if err == nil {
		m, err = i.files.material(t, i.self)
	}
	if err != nil {
		i.complain(err)
		return
	}
	i.current.Store(m)
	i.used, i.problem, i.warned = t, "", ""
	i.logger.Info("certificates read anew: new connections use them", "cert", i.files.Cert, "valid_until", i.Expires())
}

// complain logs a problem once, and only when it is there at a second look
// too: three files are not replaced in one moment.
func (i *Identity) complain(err error) {
	stood := i.problem == err.Error()
	i.problem = err.Error()
	if stood && i.warned != i.problem {
		i.warned = i.problem
		i.logger.Warn("certificates have changed and cannot be used: the old ones stay in use", "error", err)
	}
}
