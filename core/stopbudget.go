package core

import (
	"context"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
)

const (
	// stopBudget bounds a stop as a whole, however many plugins hang: five seconds
	// with the end of the process. The steps of the stop share it.
	stopBudget = 4500 * time.Millisecond
	// closeTimeout is the most that one step gets, however much is left.
	closeTimeout = time.Second
	// dismissal is what a plugin that the host was starting gets to end, from the moment
	// that the host begins to: less than the stop waits for the start, or the restart,
	// that it belongs to.
	dismissal = closeTimeout / 2
	// leastShare is what a step gets when nothing is left: a plugin that is well
	// closes within it, and is not named for what others have used up.
	leastShare = 150 * time.Millisecond
)

// share is how long one step of a stop may take if so many, this one among them,
// are still to come: a step that hangs takes no time from those after it but its
// own share, and what a step leaves belongs to the later ones.
func share(ctx context.Context, steps int) time.Duration {
	left := closeTimeout
	if deadline, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(deadline)/time.Duration(steps))
	}
	return max(left, leastShare)
}

// within waits until f returns, but not longer than limit: a backend inside the
// host cannot be killed, and must not keep the host from ending.
func within(limit time.Duration, what string, f func()) error {
	done := make(chan struct{})
	go func() {
		f()
		close(done)
	}()
	if !pause.Until(done, limit) {
		return fmt.Errorf("%w: %s did not end", ErrForced, what)
	}
	return nil
}
