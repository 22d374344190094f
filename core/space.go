package core

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// spaceInterval is how often the storage is asked for its space. A disk fills at
// its own speed, whatever raft's clock, so a long tick does not count.
func spaceInterval(tick time.Duration) time.Duration {
	return min(max(tick, 20*time.Millisecond), 250*time.Millisecond)
}

// spaceWatch is what a generation knows of its storage's space.
type spaceWatch struct {
	last atomic.Pointer[storage.Space] // the last answer
	mute bool                          // the last question had no answer; watchSpace's
}

// warning is what a status says of it.
func (w *spaceWatch) warning() string {
	if s := w.last.Load(); s != nil && s.Short {
		return "short of space: " + s.Detail
	}
	return ""
}

// seen takes an answer. A storage that is short of space keeps no part of a snapshot.
func (w *spaceWatch) seen(g *generation, s storage.Space) {
	if s.Short {
		g.parts.drop(nil)
	}
	before := w.last.Swap(&s)
	wasShort := before != nil && before.Short
	switch {
	case s.Short && !wasShort:
		g.h.logger.Warn("storage is short of space: while this member leads, proposals are refused. Free space", "event", events.Space, "detail", s.Detail)
	case !s.Short && wasShort:
		g.h.logger.Info("storage has space again", "event", events.Space)
	}
}

// watchSpace asks the storage for its space until the generation ends. The
// answer is part of the member's fitness.
func (g *generation) watchSpace() {
	if !g.storage.Describe().Has(storage.CapabilitySpace) {
		return
	}
	for !pause.Until(g.working.Done(), spaceInterval(g.h.cfg.Tick)) {
		// Without an answer the last one stands: a plugin that is not well shows
		// elsewhere.
		if space, ok := g.spaceOf(g.working); ok {
			g.space.seen(g, space)
		}
	}
}

// firstSpace asks before the node runs, so that a node that starts short of
// space refuses its first proposal. Without an answer there is space.
func (g *generation) firstSpace(ctx context.Context) storage.Space {
	space, _ := g.spaceOf(ctx)
	g.space.seen(g, space)
	return space
}

// spaceOf asks the storage once. It complains about the first of several
// questions without an answer.
func (g *generation) spaceOf(ctx context.Context) (storage.Space, bool) {
	ctx, cancel := context.WithTimeout(ctx, catalog.CallTimeout(g.h.cfg.Election))
	defer cancel()
	space, err := storage.SpaceOf(ctx, g.storage)
	if err != nil && !g.space.mute && !errors.Is(err, context.Canceled) {
		g.h.logger.Warn("storage does not say what space it has", "error", err)
	}
	g.space.mute = err != nil
	return space, err == nil
}
