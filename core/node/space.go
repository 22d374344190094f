package node

import (
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"

	"github.com/pontoon-raft/pontoon/core/member"
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

// Successor returns the active voter that comes after the given one in the
// order of ids, or, behind the last one, the first; never this node. Members
// that hand leadership on in this order, each to the next, miss none. It is 0
// if no voter is active, or this node does not lead.
func (c *Core) Successor(after member.ID) member.ID {
	if !c.leads() {
		return 0
	}
	var active []member.ID
	c.raft.WithProgress(func(id uint64, kind raft.ProgressType, pr tracker.Progress) {
		if member.ID(id) != c.cfg.ID && kind == raft.ProgressTypePeer && pr.RecentActive {
			active = append(active, member.ID(id))
		}
	})
	if len(active) == 0 {
		return 0
	}
	slices.Sort(active)
	at, found := slices.BinarySearch(active, after)
	if found {
		at++
	}
	return active[at%len(active)]
}
