package node

import (
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// ErrNoSpace: this node leads and its storage is short of space. The proposal
// has no effect.
var ErrNoSpace = errors.New("the leader's storage is short of space")

// SetSpace says what the storage plugin says of its space. While it is short
// this node takes no proposals as the leader, its own or forwarded ones. That
// is all: it votes, follows, commits, applies and takes membership changes, one of
// which may be the way out. A follower passes proposals on, whatever its own
// space: they cost it the same when they come from another member.
func (c *Core) SetSpace(s storage.Space) { c.space = s }

// checkSpace is why the leader takes no proposals; nil if it does, or does not
// lead.
func (c *Core) checkSpace() error {
	if !c.space.Short || !c.leads() {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrNoSpace, c.space.Detail)
}
