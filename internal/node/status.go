package node

import (
	"cmp"
	"slices"
	"strings"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
)

// Progress is the leader's view of a follower.
type Progress struct {
	ID          member.ID
	Match, Next uint64
	// State is probe, replicate or snapshot.
	State string
	// Active: it answered within the last election timeout.
	Active bool
	// StalledTicks is for how many ticks the peer has not got on though there
	// is more for it, or has not answered, and Why what keeps it.
	StalledTicks uint64
	Why          string
	// Level is the feature level that the peer has announced within an election timeout;
	// 0 if it has announced none.
	Level uint64
	// Commands are the versions that the peer's state machine applies, as it has announced
	// within an election timeout.
	Commands plugins.Versions
}

// Progress returns the leader's view of its followers, in the order of their
// ids. Elsewhere it is meaningless.
func (c *Core) Progress() []Progress {
	var list []Progress
	c.raft.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
		if member.ID(id) == c.cfg.ID {
			return
		}
		entry := Progress{
			ID: member.ID(id), Match: pr.Match, Next: pr.Next, Active: c.hears(id),
			State: strings.ToLower(strings.TrimPrefix(pr.State.String(), "State")),
		}
		entry.Level, _ = c.levelOf(entry.ID)
		entry.Commands, _ = c.commandsOf(entry.ID)
		if p := c.watch.peers[entry.ID]; p != nil && c.watch.ticks > p.since {
			entry.StalledTicks = c.watch.ticks - p.since
			entry.Why = p.why(c, entry.ID)
		}
		list = append(list, entry)
	})
	slices.SortFunc(list, func(a, b Progress) int { return cmp.Compare(a.ID, b.ID) })
	return list
}
