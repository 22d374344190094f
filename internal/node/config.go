package node

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Config is what a Core is made from.
type Config struct {
	ID    member.ID
	Group uint64
	// ElectionTicks and HeartbeatTicks are raft's timings in ticks.
	ElectionTicks, HeartbeatTicks int
	// Tick is how long a tick is: so fast go the clocks of other members since they were heard.
	Tick   time.Duration
	Limits plugins.Limits
	// MaxAppends is how many appends may be in flight before new proposals
	// wait. Those that wait go into the log together.
	MaxAppends int
	// MaxUncommittedBytes bounds what a leader takes without a quorum. 0
	// means 64 MiB.
	MaxUncommittedBytes uint64
	// MaxTailBytes bounds the applied entries kept in memory for slow
	// followers. 0 means 8 MiB.
	MaxTailBytes uint64
	// Level is the highest feature level that this member understands and
	// announces: member.Level. 0 is that of a build before levels.
	Level uint64
	// Incarnation counts the nodes of this member: each has a larger one than all
	// before it, by which others tell what it forwards from what they have
	// forwarded. 0 means 1.
	Incarnation uint64
	// MaxPending and MaxPendingBytes bound what the leader has of the proposals of
	// all other members that its state machine has not applied; a member may have its
	// share of that whatever the others have.
	MaxPending      int
	MaxPendingBytes int64
	// Bootstrap are the first members of a new cluster. It is used only with
	// an empty store, and must be the same on all of them.
	Bootstrap []member.Member
	Logger    *slog.Logger

	// Queued observes for each proposal of this member how long it waited until it was handed
	// in; nil observes nothing.
	Queued Observer
	// RoundTrip returns the observer of the round trips to a member; nil observes nothing.
	RoundTrip func(member.ID) Observer

	// State is what the storage plugin opened with; Entries are those above
	// Replayed, up to the last one.
	State   storage.State
	Entries []storage.Entry
	// Registry is the membership at the newest snapshot; nil if there is none.
	Registry *member.Registry
	// Time is the largest stamp up to the newest snapshot.
	Time uint64
	// Clock is this member's wall clock, in milliseconds since 1970; nil means that of
	// the system. MaxClockDifference is how far from the clocks of the majority of the
	// voters, as these are known, the stamps of this member may be, in milliseconds; 0 means
	// 12 s.
	Clock              func() uint64
	MaxClockDifference uint64
	// Replayed is how far the log was gone through already: entries that are
	// known to be committed need not be in memory. The zero value stands for
	// the newest snapshot.
	Replayed Replayed
}

// An Observer takes durations in seconds. It does not wait, and needs no memory for one.
type Observer interface{ Observe(seconds float64) }

// ErrInconsistent: the storage plugin's state cannot be that of a node.
// NewCore and Replayed.Add return it, and SnapshotReceived for a snapshot
// whose membership contradicts raft's.
var ErrInconsistent = errors.New("inconsistent store")

// withDefaults fills in what is 0.
func (c Config) withDefaults() Config {
	c.Incarnation = cmp.Or(c.Incarnation, 1)
	c.MaxUncommittedBytes = cmp.Or(c.MaxUncommittedBytes, 64<<20)
	c.MaxTailBytes = cmp.Or(c.MaxTailBytes, 8<<20)
	c.MaxClockDifference = cmp.Or(c.MaxClockDifference, 12_000)
	if c.Clock == nil {
		c.Clock = func() uint64 { return uint64(max(0, time.Now().UnixMilli())) }
	}
	if c.Registry == nil {
		c.Registry = &member.Registry{}
	}
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c
}

// snapshot returns the newest snapshot's metadata.
func (c *Config) snapshot() (storage.SnapshotMetadata, bool) {
	if n := len(c.State.Snapshots); n > 0 {
		return c.State.Snapshots[n-1].Metadata, true
	}
	return storage.SnapshotMetadata{}, false
}

// start is the last entry that the node takes for put out when it begins, with
// the membership there.
func (c *Config) start() (uint64, *member.Registry) {
	snap, _ := c.snapshot()
	if c.Replayed.Index > snap.Index {
		return c.Replayed.Index, c.Replayed.Registry
	}
	return snap.Index, c.Registry
}

// startTime is the largest stamp up to there.
func (c *Config) startTime() uint64 {
	if snap, _ := c.snapshot(); c.Replayed.Index > snap.Index {
		return c.Replayed.Time
	}
	return c.Time
}

// check refuses a state that raft would panic on.
func (c *Config) check() error {
	s := &c.State
	snap, _ := c.snapshot()
	start, _ := c.start()
	switch {
	case s.FirstIndex == 0 || s.LastIndex+1 < s.FirstIndex:
		return fmt.Errorf("%w: log [%d,%d]", ErrInconsistent, s.FirstIndex, s.LastIndex)
	case s.HardState.Commit > s.LastIndex:
		return fmt.Errorf("%w: commit index %d is beyond the last entry %d: entries were lost", ErrInconsistent, s.HardState.Commit, s.LastIndex)
	case snap.Index+1 < s.FirstIndex:
		return fmt.Errorf("%w: newest snapshot is at %d, the log starts at %d: what lies between is lost", ErrInconsistent, snap.Index, s.FirstIndex)
	case snap.Index > s.LastIndex:
		return fmt.Errorf("%w: newest snapshot is at %d, beyond the last entry %d", ErrInconsistent, snap.Index, s.LastIndex)
	case start > max(s.HardState.Commit, snap.Index):
		return fmt.Errorf("%w: replayed up to %d, the commit index is %d", ErrInconsistent, start, s.HardState.Commit)
	case uint64(len(c.Entries)) != s.LastIndex-start:
		return fmt.Errorf("%w: %d entries in (%d,%d]", ErrInconsistent, len(c.Entries), start, s.LastIndex)
	}
	if err := c.checkTerm(); err != nil {
		return err
	}
	return checkEntries(c.Entries, start+1)
}

// checkTerm refuses a term that no node can have saved. A batch is atomic, and
// the term of its entries is saved with it or before it: a store whose log is of a
// later term than its hard state has forgotten a vote. Beyond maxTerm no peer
// takes a message, and the terms come to an end.
func (c *Config) checkTerm() error {
	snap, _ := c.snapshot()
	term, last := c.State.HardState.Term, snap.Term
	if n := len(c.State.Terms); n > 0 {
		last = max(last, c.State.Terms[n-1].Term)
	}
	switch {
	case term > maxTerm:
		return fmt.Errorf("%w: the saved term is %d, at most %d can be", ErrInconsistent, term, uint64(maxTerm))
	case term < last:
		return fmt.Errorf("%w: the saved term is %d, the log has term %d: a vote may be lost", ErrInconsistent, term, last)
	}
	return nil
}
