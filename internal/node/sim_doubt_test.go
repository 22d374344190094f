package node

import (
	"fmt"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// afterDoubt is within how many ticks after the last forged word a new write is
// applied: three election timeouts, as docs/security.md promises.
const afterDoubt = 3 * 10

// Commits ahead of what there is, in the name of the leader, while it is cut off: it
// steps down, and no leader is left that could deny them. Once they end and it is back
// a write is applied within three election timeouts, and without it an election more.
func TestForgedCommitsThatCostTheLeaderEndSoon(t *testing.T) {
	for name, c := range map[string]struct {
		stays  bool // cut off
		within int
	}{
		"the leader comes back": {within: afterDoubt},
		"it does not":           {stays: true, within: afterDoubt + 20},
	} {
		t.Run(name, func(t *testing.T) {
			longest := 0
			for seed := range uint64(40) {
				ticks := servedAfterForgedCommits(t, seed+1, c.stays)
				if ticks < 0 || ticks > c.within {
					t.Errorf("seed %d: a write after %d ticks, allowed are %d", seed+1, ticks, c.within)
				}
				longest = max(longest, ticks)
			}
			t.Logf("at most %d ticks", longest)
		})
	}
}

// servedAfterForgedCommits is how many ticks pass after such an attack until a write is
// applied; negative if none is.
func servedAfterForgedCommits(t *testing.T, seed uint64, stays bool) int {
	c := &liedTo{sim: newSim(t, seed)}
	c.begin()
	leader := c.leader()
	c.cut = int(leader) - 1
	for range 50 {
		c.round()
		for _, id := range otherVoters(leader) {
			c.forgesCommit(leader, c.nodes[id-1])
		}
	}
	if c.leader() != 0 {
		t.Fatal("the leader is still there: this shows nothing")
	}
	if !stays {
		c.cut = -1
	}
	return c.writes(lieTicks)
}

// forgesCommit says in the name of a leader that more is committed than there is.
func (c *liedTo) forgesCommit(from member.ID, to *simNode) {
	c.says(from, to, led{term: to.core.term, commit: to.core.lastIndex() + 1000})
	if to.core.accused() == nil {
		c.t.Fatal(fmt.Sprint("node ", to.id, " does not doubt: this shows nothing"))
	}
}
