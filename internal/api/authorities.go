package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"maps"
	"net/http"
	"time"
)

// A connection has shown its certificate to the authorities of its beginning. When a
// stolen key is answered by another authority, the connections that were made with it
// are to end as well: those of the client port are closed, and requests on those of the
// admin port refused.

// lookAgain is how often the connections are judged by new authorities.
const lookAgain = time.Second

// trusts tells whether the authorities of today stand for a client's certificate. That it
// has ended is for others to say.
func (s *security) trusts(of *tls.ConnectionState) bool {
	if s == nil || of == nil || len(of.PeerCertificates) == 0 {
		return true
	}
	config := s.source.Last().config
	if config.ClientAuth == tls.NoClientCert {
		return true
	}
	between := x509.NewCertPool()
	for _, c := range of.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := of.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots: config.ClientCAs, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return !errors.As(err, new(x509.UnknownAuthorityError))
}

// judgeAgain closes the connections of clients whose authorities have gone, whenever
// there are new ones, until ctx ends.
func (s *Server) judgeAgain(ctx context.Context) {
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	judged := s.clientTLS.source.Last()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if now := s.clientTLS.source.Last(); now != judged {
			judged = now
			s.bounds.meters.closeUntrusted(s.clientTLS)
		}
	}
}

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

// ofToday is h for requests on connections of the admin port whose certificates are
// still trusted.
func (s *Server) ofToday(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.adminTLS.trusts(r.TLS) {
			w.Header().Set("Connection", "close")
			refuseAdmin(w, detail(errBadCertificate, "its authority is trusted no more; connect again with another one"))
			return
		}
		h.ServeHTTP(w, r)
	})
}
