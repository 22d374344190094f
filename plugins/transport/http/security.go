package httptransport

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/pontoon-raft/pontoon/internal/membercert"
	"github.com/pontoon-raft/pontoon/internal/memberform"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/refusals"
)

// security decides how connections are protected and which addresses may be
// used. With members, listeners and dialers use TLS and https, and both ends
// know which member the other one is. Without, they use plain TCP, believe what
// the other end says, and stay on loopback unless insecure is set.
type security struct {
	insecure bool // plain TCP off loopback is allowed
	members  *peertls.Identity
	refusals *refusals.Refusals
}

// newSecurity reads the certificates, if there are to be any.
func newSecurity(c config, self identity, logger *slog.Logger) (security, error) {
	s := security{insecure: c.Insecure, refusals: refusals.New(logger, "pontoon_transport_http_refused_total")}
	if c.TLS == nil {
		return s, nil
	}
	var err error
	s.members, err = peertls.Open(*c.TLS, membercert.Name{Cluster: self.cluster, Member: self.node}, logger)
	return s, err
}

// scheme is that of the URLs that peers can be reached under.
func (s security) scheme() string {
	if s.members != nil {
		return "https"
	}
	return "http"
}

// listener puts TLS on what the listener accepts.
func (s security) listener(l net.Listener, timeout time.Duration) net.Listener {
	if s.members == nil {
		return l
	}
	return newHandshakes(l, s.members.Server(), timeout, s.refusals)
}

// dialer puts TLS on what a client of that peer dials.
func (s security) dialer(t *http.Transport, peer uint64) {
	if s.members != nil {
		t.TLSClientConfig = s.members.Client(peer)
	}
}

// watch keeps the certificates up to date until ctx ends.
func (s security) watch(ctx context.Context) {
	if s.members != nil {
		s.members.Watch(ctx)
	}
}

// write writes what can be measured of it.
func (s security) write(w io.Writer) error {
	if s.members == nil {
		return s.refusals.Write(w)
	}
	const name = "pontoon_transport_http_certificate_expires_seconds"
	expires := float64(s.members.Expires().Unix())
	if _, err := fmt.Fprintf(w, "# HELP %s When this member's certificate runs out, Unix time.\n# TYPE %s gauge\n%s %.0f\n", name, name, name, expires); err != nil {
		return err
	}
	return s.refusals.Write(w)
}

// checkListen refuses to offer plain TCP to the world unasked.
func (s security) checkListen(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%w: listen address %q: %w", plugins.ErrInvalidConfig, address, err)
	}
	if s.members == nil && !s.insecure && !memberform.IsLoopback(host) {
		return fmt.Errorf("%w: %s is not a loopback address and connections are not encrypted; "+
			"set tls, or insecure: true to listen there all the same", plugins.ErrInvalidConfig, address)
	}
	return nil
}

// parseURL reads a peer's URL and refuses those that must not be dialled.
func (s security) parseURL(raw string) (*url.URL, error) {
	u, err := transport.ParseURL(raw)
	if err != nil {
		return nil, err
	}
	switch {
	case u.Scheme != s.scheme():
		return nil, fmt.Errorf("%w: peer URL %q: scheme must be %s", plugins.ErrInvalidArgument, raw, s.scheme())
	case s.members == nil && !s.insecure && !memberform.IsLoopback(u.Hostname()):
		return nil, fmt.Errorf("%w: peer URL %q: not a loopback address and connections are not encrypted; "+
			"set tls, or insecure: true to use it all the same", plugins.ErrInvalidArgument, raw)
	}
	return u, nil
}
