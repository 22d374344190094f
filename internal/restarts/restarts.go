// Package restarts brings a restart that was asked for to the goroutine that keeps the
// plugin, and its outcome back.
package restarts

import (
	"context"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
)

// A Restart was asked for. A keeper that has received one must answer it.
type Restart struct{ done chan error }

// Answer tells the asker how it ended; nil is the restart that was not asked for.
func (r *Restart) Answer(err error) {
	if r != nil {
		r.done <- err
	}
}

// Ask hands a restart to the keeper of a plugin, and returns its answer. begun is false if
// the keeper has not taken it: within limit, for which the error is busy, or before the
// plugin ended by itself, as ended tells, with plugins.ErrGone.
func Ask(ctx context.Context, keeper chan<- *Restart, ended <-chan struct{}, limit time.Duration, busy error) (begun bool, err error) {
	r := &Restart{done: make(chan error, 1)}
	select {
	case keeper <- r:
	case <-ended:
		return false, plugins.ErrGone
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case <-time.After(limit):
		return false, busy
	}
	select {
	case err := <-r.done:
		return true, err
	case <-ctx.Done():
		return true, context.Cause(ctx)
	}
}
