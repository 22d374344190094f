package core

import (
	"context"
	"runtime"
	"strings"
)

// end stops the raft goroutine, and lets its last appends out. Nothing that it waits
// for is known (law 1), so that one that has not ended with ctx is a defect: the error
// says so, and the log has where it stands.
func (g *generation) end(ctx context.Context) (err error) {
	g.stop()
	select {
	case <-g.raftDone:
	case <-ctx.Done():
		// This process may have stood still until now, with all its goroutines.
		err = within(leastShare, "the raft goroutine", func() { <-g.raftDone })
	}
	if err != nil {
		g.h.logger.Error("the raft goroutine does not end", "stack", raftStack())
	}
	g.pump.close()
	return err
}

// endRaft ends the raft goroutine of a generation whose storage has failed.
func (h *Host) endRaft(g *generation) error {
	ctx, cancel := h.untilForced()
	defer cancel()
	return g.end(ctx)
}

// stopRaft ends the raft goroutine.
func (h *Host) stopRaft(ctx context.Context, g *generation) error {
	ctx, cancel := context.WithTimeout(ctx, share(ctx, 8))
	defer cancel()
	if err := g.end(ctx); err != nil {
		return err
	}
	h.logger.Info("raft goroutine ended")
	return nil
}

// mostStacks bounds the text in which the raft goroutine is looked for.
const mostStacks = 4 << 20

// raftStack is where raft goroutines of this process stand.
func raftStack() string {
	text := make([]byte, mostStacks)
	text = text[:runtime.Stack(text, true)]
	var found []string
	for stack := range strings.SplitSeq(string(text), "\n\n") {
		if strings.Contains(stack, "(*generation).raft(") {
			found = append(found, stack)
		}
	}
	return strings.Join(found, "\n\n")
}
