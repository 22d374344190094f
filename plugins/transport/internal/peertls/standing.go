package peertls

import (
	"context"
	"crypto/tls"
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
	all map[*standingOne]struct{}
}

// standingOne is one of them.
type standingOne struct {
	certfiles.Shown
	end func()
}

// Hold remembers a connection made with Server or Client until release is called. It is
// ended by end, at once or later, when the authorities of the time do not stand for what
// the other end has shown. End may be called in any goroutine, and may call release.
func (i *Identity) Hold(s tls.ConnectionState, end func()) (release func()) {
	c := &standingOne{certfiles.Shown{Chain: s.PeerCertificates, At: time.Now()}, end}
	i.standing.mu.Lock()
	i.standing.all[c] = struct{}{}
	i.standing.mu.Unlock()
	// The handshake may have been judged by authorities that were replaced before this
	// connection was among those that are judged again.
	if !c.StoodForBy(i.source.Last().authorities) {
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
func (i *Identity) Watch(ctx context.Context) { i.source.Watch(ctx, i.judgeAgain) }

func (i *Identity) judgeAgain(by *material) {
	i.standing.mu.Lock()
	all := slices.Collect(maps.Keys(i.standing.all))
	i.standing.mu.Unlock()
	ended := 0
	for _, c := range all {
		if !c.StoodForBy(by.authorities) {
			ended++
			c.end()
		}
	}
	if ended > 0 {
		i.logger.LogAttrs(context.Background(), slog.LevelInfo, "connections ended: their certificates are of authorities that are not in tls.ca any more",
			slog.Int("connections", ended))
	}
}
