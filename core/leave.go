package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// maxHandOverPause is how many election timeouts an unfit leader waits at most
// before it tries to give leadership away once more. The first time it waits for
// one, and then twice as long each time: leadership may come back from members
// that do not say that they are unfit, and while it tries it takes no proposals.
// Only a leader that gets nothing done anyway tries on after a failure without a
// longer pause.
const maxHandOverPause = 32

// watchFitness judges this member until the generation ends. While it is unfit
// and leads, leadership goes to a member that is fitter.
func (g *generation) watchFitness() {
	var away handingOver
	for !pause.Until(g.working.Done(), spaceInterval(g.h.cfg.Tick)) {
		switch unfit := g.assess(); {
		case unfit == 0:
			away = handingOver{}
		case g.node.State().Role == "leader" && time.Now().After(away.next):
			g.leaveLeadership(g.working, &away, unfit)
		}
	}
}

// handingOver remembers what an unfit leader has tried.
type handingOver struct {
	tried []member.ID   // those asked to take over since all were asked
	next  time.Time     // not before this
	pause time.Duration // after the last attempt
}

// leaveLeadership asks the next member to lead. One that does not is passed over
// the next time.
func (g *generation) leaveLeadership(ctx context.Context, away *handingOver, unfit node.Condition) {
	election := g.h.cfg.Election
	ctx, cancel := context.WithTimeout(ctx, election)
	defer cancel()
	to, err := g.fitter(ctx, away.tried)
	if to == 0 && err == nil { // all were asked: from the first one again
		away.tried = nil
		to, err = g.fitter(ctx, nil)
	}
	if err != nil || to == 0 {
		return // no member is fitter
	}
	away.tried = append(away.tried, to)
	_, err = g.h.server.TransferLeader(ctx, to)
	if err == nil || unfit.Unfitness() < 2 {
		away.pause = min(max(2*away.pause, election), maxHandOverPause*election)
	}
	away.next = time.Now().Add(max(away.pause, election))
	switch {
	case err == nil:
		g.h.logger.Info("leadership handed over: this member is unfit", "to", to, "reason", unfit.String())
	case !errors.Is(err, server.ErrNotLeader) && g.node.State().Role == "leader":
		g.h.logger.Warn("leadership could not be handed over", "to", to, "reason", unfit.String(), "error", err)
	}
}

// errHandingOver: leadership is being handed over. It says nothing of who could
// take it.
var errHandingOver = errors.New("leadership is being handed over")

// fitter asks the raft goroutine for a fitter voter than this member, besides
// those tried.
func (g *generation) fitter(ctx context.Context, tried []member.ID) (member.ID, error) {
	type choice struct {
		to  member.ID
		err error
	}
	answer := make(chan choice, 1)
	g.node.Do(func(c *node.Core) error {
		if c.Transferring() != 0 {
			answer <- choice{err: errHandingOver}
		} else {
			answer <- choice{to: c.Fitter(tried...)}
		}
		return nil
	})
	select {
	case a := <-answer:
		return a.to, a.err
	case <-ctx.Done():
		return 0, fmt.Errorf("fitter member: %w", ctx.Err())
	}
}
