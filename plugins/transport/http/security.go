package httptransport

import (
	"net"
	"net/http"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/guard"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/trust"
)

// security puts TLS on connections, if there are certificates.
type security struct{ trust.Trust }

// bare is the guard of connections without TLS.
func bare(c config) guard.Guard {
	g := guard.Guard{Scheme: "http", Lack: "connections are not encrypted"}
	if c.TLS != nil {
		g.Scheme = "https"
	}
	return g
}

// listener puts TLS on what the listener accepts.
func (s security) listener(l net.Listener, timeout time.Duration) net.Listener {
	if !s.Proven() {
		return l
	}
	return newHandshakes(l, s.Members.Server(), timeout, s.Refusals)
}

// dialer puts TLS on what a client of that peer dials.
func (s security) dialer(t *http.Transport, peer uint64) {
	if s.Proven() {
		t.TLSClientConfig = s.Members.Client(peer)
	}
}
