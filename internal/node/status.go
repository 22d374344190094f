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
	// Lag is what the peer has not acknowledged of this leader's log; nil if it has not said
	// in this reign what it has.
	Lag *Lag
	// SilentTicks is for how many ticks it has not been heard.
	SilentTicks uint64
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

// A Lag is a distance in the log.
type Lag struct {
	// Entries is the number of entries that a peer has not acknowledged, Bytes about how many
	// bytes they have, and InFlight those of them that were sent to it.
	Entries, Bytes, InFlight uint64
}

// lagOf is what a peer has not acknowledged. One that has acknowledged nothing yet may have it
// all: that counts only once it is heard after the tick in which the reign began.
func (c *Core) lagOf(id uint64, pr *tracker.Progress) *Lag {
	if pr.Match == 0 && c.hearing.last[member.ID(id)] <= c.reign.since {
		return nil
	}
	last := c.lastIndex()
	l := &Lag{Entries: last - min(last, pr.Match), Bytes: c.sizes.between(pr.Match, last)}
	if pr.State == tracker.StateReplicate && pr.Next > 0 {
		l.InFlight = c.sizes.between(pr.Match, min(pr.Next-1, last))
	}
	return l
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
			Lag:   c.lagOf(id, &pr), SilentTicks: c.hearing.ticks - c.hearing.last[member.ID(id)],
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
