package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/certfiles"
	"github.com/pontoon-raft/pontoon/internal/memberform"
	"github.com/pontoon-raft/pontoon/membercert"
	"github.com/pontoon-raft/pontoon/plugins"
)

// ClientAuth says whether a port asks its clients for certificates.
type ClientAuth string

// The ways to ask.
const (
	// AuthNone does not ask.
	AuthNone ClientAuth = "none"
	// AuthOptional takes a client without a certificate too, and refuses one with a
	// certificate that is not good.
	AuthOptional ClientAuth = "optional"
	// AuthRequired refuses a client that shows no good certificate.
	AuthRequired ClientAuth = "required"
)

// TLS is how a port is protected. Files are PEM; they are read again when they
// change.
type TLS struct {
	// Cert and Key are the certificate that the port shows, followed by
	// intermediate ones if any, and its private key. Without Cert the port speaks
	// plain TCP.
	Cert, Key string
	// ClientCA are the authorities that sign the certificates of clients.
	ClientCA   string
	ClientAuth ClientAuth
}

// The application protocols of the two ports. A client that speaks both gets
// HTTP/1.1, since one that knows HTTP/2 without gRPC wants JSON.
const (
	protocolHTTP1 = "http/1.1"
	protocolHTTP2 = "h2"
)

// security is the TLS of one port.
type security struct{ source *certfiles.Source[*material] }

// material is what handshakes are made with.
type material struct {
	config *tls.Config
	leaf   *x509.Certificate
}

func (m *material) end() time.Time { return m.leaf.NotAfter }

// openSecurity reads the files of the section of that name; nil without TLS.
func openSecurity(section string, t TLS, protocols []string, logger *slog.Logger) (*security, error) {
	if t.Cert == "" {
		return nil, nil
	}
	files := t.files(section)
	build := func(texts []string) (*material, error) { return newMaterial(t, files, texts, protocols) }
	source, err := certfiles.Open(files, build, (*material).end, logger)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", plugins.ErrInvalidConfig, err)
	}
	return &security{source}, nil
}

// files has the files of the section of that name: certificate, key, and authorities if
// there are any.
func (t TLS) files(section string) []certfiles.File {
	files := []certfiles.File{{Key: section + ".cert", Path: t.Cert}, {Key: section + ".key", Path: t.Key}}
	if t.ClientCA != "" {
		files = append(files, certfiles.File{Key: section + ".client_ca", Path: t.ClientCA})
	}
	return files
}

// CheckFiles reads the files of the section of that name as a start does. It
// reports too that a certificate or all authorities have ended at that time, which a
// host that runs only warns of. The error of a file is a Fault of
// package certfiles.
func (t TLS) CheckFiles(section string, now time.Time) error {
	s, err := openSecurity(section, t, nil, nil)
	if err != nil || s == nil {
		return err
	}
	files := t.files(section)
	faults := []error{files[0].InTime(now, false)}
	if t.ClientCA != "" {
		faults = append(faults, files[2].InTime(now, true))
	}
	return errors.Join(faults...)
}

// newMaterial makes of the texts what handshakes need, or says which file is
// wrong.
func newMaterial(t TLS, files []certfiles.File, texts, protocols []string) (*material, error) {
	pair, err := certfiles.Pair(files[0], files[1], texts[0], texts[1])
	if err != nil {
		return nil, err
	}
	if u := pair.Leaf.ExtKeyUsage; len(u) > 0 && !slices.Contains(u, x509.ExtKeyUsageServerAuth) && !slices.Contains(u, x509.ExtKeyUsageAny) {
		return nil, files[0].Fault(errors.New("certificate is not a server's: it needs the extended key usage serverAuth (host cert init --server NAME makes one)"))
	}
	m := &material{leaf: pair.Leaf, config: &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{*pair}, NextProtos: protocols,
		// Every connection shows its certificate to the authorities of its beginning;
		// for those that come later see authorities.go.
		SessionTicketsDisabled: true,
		VerifyConnection:       verifyClient,
	}}
	if len(texts) < 3 {
		return m, nil
	}
	if m.config.ClientCAs, err = certfiles.Authorities(files[2], texts[2]); err != nil {
		return nil, err
	}
	switch t.ClientAuth {
	case AuthRequired:
		m.config.ClientAuth = tls.RequireAndVerifyClientCert
	case AuthOptional:
		m.config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return m, nil
}

// verifyClient refuses a client whose certificate names no client.
func verifyClient(s tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return nil
	}
	_, err := membercert.ClientOf(s.PeerCertificates[0])
	return err
}

// server is the configuration of the port. It is nil without TLS.
func (s *security) server() *tls.Config {
	if s == nil {
		return nil
	}
	return &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return s.source.Get().config, nil
	}}
}

// over is the listener of a port whose connections ln accepts.
func (s *security) over(ln net.Listener) net.Listener {
	if s == nil {
		return ln
	}
	return tls.NewListener(ln, s.server())
}

// checkExposure refuses to offer plain TCP to the world unasked.
func checkExposure(key, section, addr string, t TLS, insecure bool) error {
	if t.Cert != "" || insecure || memberform.IsLoopback(addr) {
		return nil
	}
	return fmt.Errorf("%w: %s: %q is not a loopback address, and connections there are neither encrypted nor is it known who makes them; "+
		"set %s.tls (cert and key), or %s.insecure: true to listen there all the same", plugins.ErrInvalidConfig, key, addr, section, section)
}

// handshakeReason is a word for why a handshake has failed, for metrics.
func handshakeReason(err error) string {
	var operation *net.OpError
	var timeout net.Error
	var invalid *tls.CertificateVerificationError
	var judged x509.CertificateInvalidError
	switch {
	case errors.Is(err, errWantsTLS):
		return "not_tls"
	case errors.Is(err, membercert.ErrMember):
		return "member"
	case errors.Is(err, membercert.ErrNoClient), errors.Is(err, membercert.ErrSeveralNames):
		return "no_name"
	case errors.As(err, &judged) && judged.Reason == x509.Expired:
		return "expired"
	case errors.As(err, &judged) && judged.Reason == x509.IncompatibleUsage:
		return "wrong_usage"
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return "unknown_authority"
	case errors.As(err, &invalid):
		return "unverifiable"
	case errors.As(err, &operation) && operation.Op == "remote error":
		return "refused_by_client"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	// crypto/tls has no errors for these, only texts.
	case strings.Contains(err.Error(), "didn't provide a certificate"):
		return "no_certificate"
	case strings.Contains(err.Error(), "unsupported versions"):
		return "old_tls"
	}
	return "handshake"
}

// watchCertificates looks at the files of both ports until the server stops.
func (s *Server) watchCertificates() {
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watch := func(port *security, changed func(*material)) {
		if port != nil {
			watching.Go(func() { port.source.Watch(ctx, changed) })
		}
	}
	watch(s.clientTLS, s.judgeClients)
	watch(s.adminTLS, s.judgeAdmins)
	<-s.end.stopping
	cancel()
	watching.Wait()
}

// RefusedCertificates says of each port with TLS why its files cannot be used as they are,
// so that the files of before stay in use; "" if they can be used.
func (s *Server) RefusedCertificates() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	refused := map[string]string{}
	for name, port := range map[string]*security{"client port": s.clientTLS, "admin port": s.adminTLS} {
		if port != nil {
			refused[name] = port.source.Refused()
		}
	}
	return refused
}
