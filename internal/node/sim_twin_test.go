package node

import (
	"slices"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// twins is a cluster of which two processes serve one member, on copies of one directory.
// Messages to the member reach the one that has the connections; messages of both reach
// all others.
type twins struct {
	*liedTo
	original, twin *simNode
}

// Two processes serve one member, and take its connections from each other in any
// rhythm: the copy ends as one that lost data, or the other members say that they are
// two. The original does not end, and the other members take writes all the time. If the
// copy hears its leader less often than once in an election timeout, this must be so too.
func TestTwoProcessesOfOneMemberAreNoticedInAnyRhythm(t *testing.T) {
	for name, hears := range map[string]func(tick int) bool{
		"the copy has no connection":            func(int) bool { return false },
		"it has them for a tick now and then":   func(tick int) bool { return tick%123 == 0 },
		"it has them for some ticks, seldom":    func(tick int) bool { return tick%120 < 7 },
		"as seldom as a word of a loss counts":  func(tick int) bool { return tick%(accusedElections*10) == 0 },
		"more seldom than that":                 func(tick int) bool { return tick%(accusedElections*10+50) == 0 },
		"for a tick in each election timeout":   func(tick int) bool { return tick%10 == 0 },
		"both have them in turn":                func(tick int) bool { return tick%2 == 0 },
		"the original has them for some ticks":  func(tick int) bool { return tick%120 > 7 },
		"the original has them for a tick":      func(tick int) bool { return tick%123 > 0 },
		"the copy has all of them from now on":  func(int) bool { return true },
		"the original is heard again after all": func(tick int) bool { return tick < 300 },
	} {
		for state, missed := range map[string]int{"it lacks nothing": 0, "it lacks what was acknowledged": 5} {
			for load, writes := range map[string]bool{"clients write": true, "no client writes": false} {
				t.Run(name+", "+state+", "+load, func(t *testing.T) {
					c := &twins{liedTo: &liedTo{sim: newSim(t, 11)}}
					c.begin()
					c.copies(missed)
					for tick := range 4 * accusedElections * 10 {
						if writes {
							c.write()
						}
						if c.round(hears(tick)); c.noticed() {
							t.Logf("after %d ticks: the copy believes %v", tick, c.twin.core.lost)
							return
						}
					}
					t.Error("two processes serve one member, and no other member was told")
				})
			}
		}
	}
}

// copies starts a second process on a copy of a follower's disk, which lacks so many writes.
func (c *twins) copies(missed int) {
	c.original = c.nodes[c.follower(1)-1]
	twin := *c.original
	twin.disk = c.original.disk.clone()
	for range missed {
		c.write()
		c.round(false)
	}
	if got := c.original.core.lastIndex() > twin.disk.first-1+uint64(len(twin.disk.entries)); got != (missed > 0) {
		c.t.Fatalf("the copy lacks entries: %t: this shows nothing", got)
	}
	twin.lostData = true // now, or as soon as the original has acknowledged more
	twin.boot()
	c.twin = &twin
}

// round is one tick of all processes, and all that follows from it. The copy has the
// connections or the original has.
func (c *twins) round(copyHears bool) {
	all := slices.Clone(c.nodes)
	if c.twin != nil {
		all = append(all, c.twin)
	}
	for _, n := range all {
		n.check(n.core.Tick())
	}
	for range 40 {
		wire := c.wire
		c.wire = nil
		for _, m := range wire {
			c.hands(m, copyHears)
		}
		for _, n := range all {
			n.work()
		}
		if len(c.wire) == 0 {
			return
		}
	}
}

// hands gives a message to its receiver.
func (c *twins) hands(m simMessage, copyHears bool) {
	if m.to > member.ID(len(c.nodes)) || m.snapshot != nil {
		return // for a member that was removed; and no node here needs a snapshot
	}
	to := c.nodes[m.to-1]
	if to == c.original && copyHears && c.twin != nil {
		to = c.twin
	}
	msg, g, err := decodeAll(m.payload, to.core.limits)
	if err != nil {
		c.t.Fatal(err)
	}
	to.core.hear(heard{msg, g})
	_ = to.core.stepAny(msg, g) // refused, where two contradict each other
	to.check(nil)
}

// noticed tells whether the copy has ended, or another member says that there are two.
func (c *twins) noticed() bool {
	told := slices.ContainsFunc(c.nodes, func(n *simNode) bool {
		return n != c.original && slices.Contains(n.core.Doubled(), c.original.id)
	})
	return told || c.twin.core.lost != nil
}
