package core

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/core/node"
	"github.com/pontoon-raft/pontoon/core/server"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// spaceInterval is how often the storage is asked for its space. A disk fills at
// its own speed, whatever raft's clock, so a long tick does not count.
func spaceInterval(tick time.Duration) time.Duration {
	return min(max(tick, 20*time.Millisecond), 250*time.Millisecond)
}

// maxHandOverPause is how many election timeouts a leader that is short of space
// waits at most before it gives leadership away once more. The first time it
// waits for one, and then twice as long each time: if all are short, leadership
// comes back, and every election costs some of the space that is left.
const maxHandOverPause = 32

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

// seen takes an answer, and tells whether it differs from the one before.
func (w *spaceWatch) seen(g *generation, s storage.Space) (changed bool) {
	before := w.last.Swap(&s)
	wasShort := before != nil && before.Short
	switch {
	case s.Short && !wasShort:
		g.h.logger.Warn("storage is short of space: while this member leads, proposals are refused. Free space", "detail", s.Detail)
	case !s.Short && wasShort:
		g.h.logger.Info("storage has space again")
	}
	return before == nil || *before != s
}

// watchSpace asks the storage for its space until the generation ends. While it
// is short, raft takes no proposals here, and leadership goes to a member
// that may have more.
func (g *generation) watchSpace() {
	if !g.storage.Describe().Has(storage.CapabilitySpace) {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	g.wg.Go(func() {
		select {
		case <-g.failed:
		case <-g.stop:
		}
		cancel()
	})
	ticker := time.NewTicker(spaceInterval(g.h.cfg.Tick))
	defer ticker.Stop()
	var away handingOver
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		g.askForSpace(ctx)
		switch {
		case !g.space.last.Load().Short:
			away = handingOver{}
		case g.node.State().Role == "leader" && time.Now().After(away.next):
			g.leaveLeadership(ctx, &away)
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
	ctx, cancel := context.WithTimeout(ctx, CallTimeout(g.h.cfg.Election))
	defer cancel()
	space, err := storage.SpaceOf(ctx, g.storage)
	if err != nil && !g.space.mute && !errors.Is(err, context.Canceled) {
		g.h.logger.Warn("storage does not say what space it has", "error", err)
	}
	g.space.mute = err != nil
	return space, err == nil
}

// askForSpace asks once and passes on what is new. Without an answer the last
// one stands: a plugin that is not well shows elsewhere.
func (g *generation) askForSpace(ctx context.Context) {
	space, ok := g.spaceOf(ctx)
	if ok && g.space.seen(g, space) {
		g.node.Do(func(c *node.Core) error {
			c.SetSpace(space)
			return nil
		})
	}
}

// handingOver remembers what a leader that is short of space has tried.
type handingOver struct {
	tried []member.ID   // those asked to take over since all were asked
	next  time.Time     // not before this
	pause time.Duration // after the last one that worked
}

// leaveLeadership asks the next member to lead. One that does not is passed over
// the next time.
func (g *generation) leaveLeadership(ctx context.Context, away *handingOver) {
	election := g.h.cfg.Election
	away.next = time.Now().Add(election)
	ctx, cancel := context.WithTimeout(ctx, election)
	defer cancel()
	to, err := g.successor(ctx, away.tried)
	if to == 0 && err == nil { // all were asked: from the first one again
		away.tried = nil
		to, err = g.successor(ctx, nil)
	}
	if err != nil || to == 0 {
		return // nobody else is there
	}
	away.tried = append(away.tried, to)
	switch _, err = g.h.server.TransferLeader(ctx, to); {
	case err == nil:
		away.pause = min(max(2*away.pause, election), maxHandOverPause*election)
		away.next = time.Now().Add(away.pause)
		g.h.logger.Info("leadership handed over for want of space", "to", to)
	case ctx.Err() == nil && !errors.Is(err, server.ErrNotLeader):
		g.h.logger.Warn("leadership could not be handed over for want of space", "to", to, "error", err)
	}
}

// successor asks the raft goroutine for a voter that is none of those tried.
func (g *generation) successor(ctx context.Context, tried []member.ID) (member.ID, error) {
	answer := make(chan member.ID, 1)
	g.node.Do(func(c *node.Core) error {
		answer <- c.Successor(tried...)
		return nil
	})
	select {
	case to := <-answer:
		return to, nil
	case <-ctx.Done():
		return 0, fmt.Errorf("successor: %w", ctx.Err())
	}
}
