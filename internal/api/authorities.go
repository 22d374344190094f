package api

import (
	"maps"
	"net/http"

	"github.com/pontoon-raft/pontoon/internal/certfiles"
)

// A connection has shown its certificate to the authorities of its beginning. When a
// stolen key is answered by another authority, the connections that were made with it
// are to end as well. Those of the client port are closed. Of those of the admin port the
// ones on which a request is being answered are; the next request of any other is refused.

// trusts tells whether the authorities of today stand for what a client has shown, if
// anything.
func (s *security) trusts(c *certfiles.Shown) bool {
	return s == nil || c == nil || len(c.Chain) == 0 || c.StoodForBy(s.source.Last().config.ClientCAs)
}

// judgeClients closes the connections of clients whose authorities have gone.
func (s *Server) judgeClients(*material) { s.bounds.meters.closeUntrusted(s.clientTLS) }

// closeUntrusted closes the connections whose certificates are trusted no more.
func (a *meters) closeUntrusted(by *security) {
	a.mu.Lock()
	conns := maps.Clone(a.conns)
	a.mu.Unlock()
	for m, c := range conns {
		if !by.trusts(c.shown.Load()) {
			a.cutOff(m, closedAuthority)
		}
	}
}

// judgeAdmins ends the requests of the admin port whose authorities have gone. A profile
// may be taken for as long as its client says.
func (s *Server) judgeAdmins(*material) {
	for _, c := range s.adminLn.answering() {
		if !s.adminTLS.trusts(c.shown.Load()) {
			s.bounds.counts.closed[closedAuthority].Add(1)
			_ = c.Close()
		}
	}
}

// ofToday is h for requests on connections of the admin port whose certificates are
// still trusted. It comes after busyWhile, so that judgeAdmins misses none.
func (s *Server) ofToday(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := r.Context().Value(adminConnKey{}).(*adminConn)
		if ok && r.TLS != nil {
			shown := &certfiles.Shown{Chain: r.TLS.PeerCertificates, At: c.since}
			c.shown.Store(shown)
			if !s.adminTLS.trusts(shown) {
				w.Header().Set("Connection", "close")
				refuseAdmin(w, detail(errBadCertificate, "its authority is trusted no more; connect again with another one"))
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}
