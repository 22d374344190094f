package node

import (
	"errors"
	"fmt"
)

// ErrNoSpace: this node leads and its storage is short of space. The proposal
// has no effect.
var ErrNoSpace = errors.New("the leader's storage is short of space")

// checkSpace is why the leader takes no proposals; nil if it does, or does not
// lead.
func (c *Core) checkSpace() error {
	if !c.fitness.Space.Short || !c.leads() {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrNoSpace, c.fitness.Space.Detail)
}
