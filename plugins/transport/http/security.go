package httptransport

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/pontoon-raft/pontoon/internal/membercert"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/guard"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/refusals"
)

// security decides how connections are protected and which addresses may be
// used. With members, listeners and dialers use TLS and https, and both ends
// know which member the other one is. Without, they use plain TCP, believe what
// the other end says, and stay on loopback unless insecure is set.
type security struct {
	members  *peertls.Identity
	guard    guard.Guard
	refusals *refusals.Refusals
}

// newSecurity reads the certificates, if there are to be any.
func newSecurity(c config, self identity, logger *slog.Logger) (security, error) {
	s := security{guard: guard.Guard{Scheme: "https"}, refusals: refusals.New(logger, "pontoon_transport_http_refused_total")}
	if c.TLS == nil {
		s.guard.Scheme = "http"
		if !c.Insecure {
			s.guard.Lack = "connections are not encrypted"
		}
		return s, nil
	}
	var err error
	s.members, err = peertls.Open(*c.TLS, membercert.Name{Cluster: self.cluster, Member: self.node}, logger)
	return s, err
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
