package node

import (
	"math"
	"slices"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// MaxTime is the largest stamp: the end of the year 9999 in milliseconds since 1970. A sum
// of a stamp and any time that a state machine counts in milliseconds does not overflow.
const MaxTime = 253402300799999

// stamps is how a leader gives each entry its time (ADR 0062).
//
// The time of an entry is the largest stamp up to it: a function of the log, which no
// stamp can set back. A stamp that is too large would set it forward for good, so a
// leader does not trust its own clock. The voters say what their clocks show, with
// their votes and with their answers to heartbeats, and a stamp is within a bound of
// what a majority of the clocks has reached. A clock that is wrong is outvoted, and an
// honest gap, as after a week without power, is one that the clocks of a majority show.
type stamps struct {
	passed uint64 // the largest stamp up to putOut
	last   uint64 // of this leader's log, at least
	clocks map[member.ID]reading
	// least and most bound what a majority of the clocks has reached, whatever this
	// node's own shows; most is 0 while a majority has not said. They are found out again
	// when that tick is over, or stale is set.
	least, most uint64
	tick        uint64
	stale       bool
	moved       uint64 // entries whose stamp is not what this node's clock showed
	said        uint64 // the tick after which that is worth a line in the log again
}

// reading is what another member's clock showed when it said so, at a tick of this node.
type reading struct{ clock, at uint64 }

// after is what the clock shows at a later tick, at least. Without that the word of a member
// that is down would be older each moment, and a leader whose clock is behind would find that
// a majority of the clocks has reached no more than that. The first tick may come at once
// after the word, so it counts for nothing: no clock is said to show more than it does.
func (r reading) after(tick uint64, length time.Duration) uint64 {
	whole := max(tick-r.at, 1) - 1
	return min(r.clock+uint64((time.Duration(whole)*length).Milliseconds()), MaxTime)
}

// saysClock tells whether messages of this type say what the sender's clock shows.
func saysClock(t pb.MessageType) bool {
	return t == pb.MsgHeartbeatResp || t == pb.MsgVoteResp || t == pb.MsgPreVoteResp
}

// Time is the time after commands, which follow those that led to before.
func Time(before uint64, commands []Command) uint64 {
	for i := range commands {
		before = max(before, commands[i].Stamp)
	}
	return before
}

// clock is what this node's clock shows. It is never 0, which stands for no clock.
func (c *Core) clock() uint64 { return min(max(c.cfg.Clock(), 1), MaxTime) }

// stamping tells whether all members read stamps.
func (c *Core) stamping() bool { return c.registry.Level() >= member.StampLevel }

// hear takes what the clock of another member shows. The number is compared with
// others and nothing else: a minority that lies moves no stamp beyond what an honest
// clock shows.
func (s *stamps) hear(from member.ID, clock, tick uint64) {
	if clock == 0 {
		return
	}
	if s.clocks == nil {
		s.clocks = map[member.ID]reading{}
	}
	s.clocks[from] = reading{min(clock, MaxTime), tick}
	s.stale = true
}

// begin is the start of a reign. The votes that made it have said what the clocks of a
// majority show. Older words are forgotten, and so are those of others than members.
func (s *stamps) begin(c *Core) {
	for id, r := range s.clocks {
		if _, in := c.registry.Member(id); !in || !c.isWithin(2, r.at) {
			delete(s.clocks, id)
		}
	}
	s.least, s.most, s.stale = 0, 0, true
	s.last = s.passed
	c.aheadOf(c.putOut, func(e *pb.Entry) {
		if isStamped(e.GetData()) {
			if h, _, err := decodeCommand(e.GetData()); err == nil {
				s.last = max(s.last, h.stamp)
			}
		}
	})
}

// aheadOf visits the entries of this node's log above index, which is putOut: they are
// in memory.
func (c *Core) aheadOf(index uint64, visit func(*pb.Entry)) {
	above := func(entries []*pb.Entry) {
		for _, e := range entries {
			if e.GetIndex() > index {
				visit(e)
			}
		}
	}
	above(c.log.tail)
	for i := range c.appends.items {
		above(c.appends.items[i].entries)
	}
}

// review finds out between which instants the largest one is that a majority of the
// voters' clocks has reached, for whatever the own one shows. While the members change
// there may be no majority for a moment: then the last one counts.
func (s *stamps) review(c *Core) {
	s.stale, s.tick = false, c.hearing.ticks
	others, voters, votes := []uint64(nil), 0, 0
	for _, id := range c.registry.Voters() {
		voters++
		if id == uint64(c.cfg.ID) {
			votes++
		} else if r, ok := s.clocks[member.ID(id)]; ok {
			others = append(others, r.after(s.tick, c.cfg.Tick))
		}
	}
	slices.Sort(others)
	slices.Reverse(others)
	quorum := voters/2 + 1
	nth := func(n int) uint64 { // the n-th largest of the others
		switch {
		case n == 0:
			return math.MaxUint64
		case n > len(others):
			return 0
		}
		return others[n-1]
	}
	if most := nth(quorum - votes); most > 0 {
		s.least, s.most = nth(quorum), most
	}
}

// knowsTime tells whether this node, which leads, can stamp entries. A stamp by anything
// but the clocks of a majority might be old: what expires some time after that would
// expire at once when the clocks are known.
func (c *Core) knowsTime() bool {
	s := &c.stamps
	if s.stale || s.tick != c.hearing.ticks {
		s.review(c)
	}
	return s.most > 0 || !c.stamping()
}

// stamp stamps the entries of one message, which this leader is about to append. A
// leader that has not applied the raise of the level yet may be given entries with room
// for a stamp, by a member that has. Such a leader does not know the clocks: it writes
// 0, which stands for no time, over the stamp that the other member has written.
func (c *Core) stamp(entries []*pb.Entry) {
	at, moved := uint64(0), int64(0)
	if c.stamping() && c.knowsTime() {
		at, moved = c.stamps.next(c.clock(), c.cfg.MaxClockDifference)
	}
	count := uint64(0)
	for _, e := range entries {
		if isStamped(e.GetData()) {
			putStamp(e.Data, at)
			count++
		}
	}
	if count == 0 {
		return
	}
	c.stamps.last = max(c.stamps.last, at)
	if moved != 0 {
		c.stamps.moved += count
		c.tellMoved(moved)
	}
}

// next is the stamp of a leader whose clock shows now, and how far that is from the
// clock in milliseconds, but for the wait of a clock that is set back until the time
// of the log is reached.
func (s *stamps) next(now, difference uint64) (stamp uint64, moved int64) {
	reached := min(max(now, s.least), s.most)
	stamp = min(max(now, reached-min(reached, difference)), reached+difference)
	moved = int64(stamp) - int64(now)
	return max(s.last, stamp), moved
}

// tellMoved says now and then that this member's clock is not that of the others.
func (c *Core) tellMoved(by int64) {
	s, now := &c.stamps, c.hearing.ticks
	if now < s.said {
		return
	}
	s.said = now + movedTold*uint64(c.cfg.ElectionTicks)
	c.cfg.Logger.Warn("the clock of this leader is far from those of a majority of the voters: entries are stamped by theirs",
		"moved_by", time.Duration(by)*time.Millisecond, "entries", s.moved)
}

// movedTold is how many election timeouts pass between two such lines.
const movedTold = 60

// MovedStamps counts entries that this node has stamped with another time than its own
// clock showed.
func (n *Node) MovedStamps() uint64 { return n.moved.Load() }
