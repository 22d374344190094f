package node

import (
	"errors"
	"fmt"
)

// ErrNoSpace: the storage of this node or of the leader is short of space.
// Propose returns it, and Ports.Rejected gives it if the leader says so. The
// proposal has no effect.
var ErrNoSpace = errors.New("the leader's storage is short of space")

// checkSpace is why no proposals are taken here: this node leads and its storage
// is short of space; nil if proposals are taken.
func (c *Core) checkSpace() error {
	if !c.fitness.Space.Short || !c.leads() {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrNoSpace, c.fitness.Space.Detail)
}
