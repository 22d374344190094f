package courier

import (
	"context"
	"errors"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
)

// A restart of a transport was asked for.
type restart struct{ done chan error }

// answer tells the asker how it ended; nil is the restart that was not asked for.
func (r *restart) answer(err error) {
	if r != nil {
		r.done <- err
	}
}

// errNotRunning: the transport is being started already.
var errNotRunning = errors.New("the transport is not running")

// Restart has the transport of a slot closed and its next life opened, and returns when
// that one serves. Its messages are lost meanwhile, as at every end of a transport. begun
// is false if the transport has not been touched, or has ended by itself, as ended tells.
func (c *Courier) Restart(ctx context.Context, slot *catalog.Slot, ended <-chan struct{}) (begun bool, err error) {
	r := &restart{done: make(chan error, 1)}
	for _, k := range c.carriers {
		if k.Slot != slot {
			continue
		}
		select {
		case k.restarts <- r:
		case <-ended:
			return false, plugins.ErrGone
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-time.After(catalog.CallTimeout(c.election)):
			return false, errNotRunning
		}
		select {
		case err := <-r.done:
			return true, err
		case <-ctx.Done():
			return true, context.Cause(ctx)
		}
	}
	return false, errNotRunning
}
