package courier

import (
	"context"
	"errors"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/restarts"
)

// errNotRunning: the transport is being started already.
var errNotRunning = errors.New("the transport is not running")

// Restart has the transport of a slot closed and its next life opened, and returns when
// that one serves. Its messages are lost meanwhile, as at every end of a transport. begun
// is false if the transport has not been touched, or has ended by itself, as ended tells.
func (c *Courier) Restart(ctx context.Context, slot *catalog.Slot, ended <-chan struct{}) (begun bool, err error) {
	for _, k := range c.carriers {
		if k.Slot == slot {
			return restarts.Ask(ctx, k.restarts, ended, catalog.CallTimeout(c.election), errNotRunning)
		}
	}
	return false, errNotRunning
}
