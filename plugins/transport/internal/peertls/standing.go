package peertls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/certfiles"
)

// standing are the connections that have shown a certificate and have not ended. When
// the files change, as after the theft of a key, each of them is judged again.
type standing struct {
	mu  sync.Mutex
	all map[*shown]struct{}
}

// shown is one of them.
type shown struct {
	chain []*x509.Certificate
	made  time.Time
	end   func()
}

// Hold remembers a connection made with Server or Client until release is called. It is
// ended by end, at once or later, when the authorities of the time do not stand for what
// the other end has shown. End may be called in any goroutine, and may call release.
func (i *Identity) Hold(s tls.ConnectionState, end func()) (release func()) {
	c := &shown{s.PeerCertificates, time.Now(), end}
	i.standing.mu.Lock()
	i.standing.all[c] = struct{}{}
	i.standing.mu.Unlock()
	// The handshake may have been judged by authorities that were replaced before this
	// connection was among those that are judged again.
	if !i.source.Last().standsFor(c) {
		c.end()
	}
	return func() {
		i.standing.mu.Lock()
		defer i.standing.mu.Unlock()
		delete(i.standing.all, c)
	}
}

// Watch looks at the files from time to time until ctx ends, so that a mistake in them
// shows before the next connection does, and ends the connections whose authorities have
// been replaced.
func (i *Identity) Watch(ctx context.Context) {
	var both sync.WaitGroup
	defer both.Wait()
	both.Go(func() { i.source.Watch(ctx) })
	ticker := time.NewTicker(certfiles.Recheck)
	defer ticker.Stop()
	judged := i.first
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if now := i.source.Last(); now != judged {
			judged = now
			i.judgeAgain(now)
		}
	}
}

func (i *Identity) judgeAgain(by *material) {
	i.standing.mu.Lock()
	all := slices.Collect(maps.Keys(i.standing.all))
	i.standing.mu.Unlock()
	ended := 0
	for _, c := range all {
		if !by.standsFor(c) {
			ended++
			c.end()
		}
	}
	if ended > 0 {
		i.logger.LogAttrs(context.Background(), slog.LevelInfo, "connections ended: their certificates are of authorities that are not in tls.ca any more",
			slog.Int("connections", ended))
	}
}

// standsFor tells whether the authorities stand for what was shown. That a time is over
// ends no connection: it is enough that they do as of when it was made, or, for those
// that are younger than that, as of the last moment at which its certificate was good.
func (m *material) standsFor(c *shown) bool {
	last := time.Now()
	if end := c.chain[0].NotAfter; end.Before(last) {
		last = end
	}
	return m.verify(c.chain, c.made, x509.ExtKeyUsageAny) == nil || m.verify(c.chain, last, x509.ExtKeyUsageAny) == nil
}
