package node

import (
	"fmt"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// While one of three is down, one word in its name that another one has lost
// data, which is not repeated, stops the writes for no longer than it does while
// all are there: whichever member is down, and whichever hears it.
func TestOneWordInTheNameOfAMemberThatIsDownStopsNoWrites(t *testing.T) {
	for name, gone := range map[string]struct {
		down func(*liedTo) member.ID
		now  bool // the others have not noticed yet
	}{
		"a follower is down":       {down: func(c *liedTo) member.ID { return c.follower(1) }},
		"the leader is down":       {down: (*liedTo).leader},
		"the leader has just died": {down: (*liedTo).leader, now: true},
	} {
		for kind, word := range map[string]func(n *simNode) led{
			"an acknowledged entry": func(n *simNode) led { return led{term: n.core.term + 1, acknowledged: 1 << 40} },
			"a committed entry":     func(n *simNode) led { return led{term: n.core.term + 1, commit: 1 << 40} },
			"in the same term":      func(n *simNode) led { return led{term: n.core.term, acknowledged: 1 << 40} },
		} {
			for receiver := range 2 {
				t.Run(fmt.Sprintf("%s, %s, receiver %d", name, kind, receiver), func(t *testing.T) {
					c := &liedTo{sim: newSim(t, 7)}
					c.begin()
					down := gone.down(c)
					c.cut = int(down) - 1
					if !gone.now && c.writes(lieTicks) < 0 {
						t.Fatal("two of three commit nothing: this shows nothing")
					}
					n := c.nodes[otherVoters(down)[receiver]-1]
					c.says(down, n, word(n))
					ticks := c.writes(lieTicks)
					t.Logf("a write after %d ticks", ticks)
					if ticks < 0 {
						t.Errorf("no write within %d ticks after one word; one is committed after %d more ticks, an election takes 10",
							lieTicks, c.writes(2*accusedElections*10))
					}
				})
			}
		}
	}
}

// otherVoters are the other two voters.
func otherVoters(id member.ID) []member.ID {
	return []member.ID{id%3 + 1, (id+1)%3 + 1}
}

// says delivers a heartbeat in the name of a member.
func (c *liedTo) says(from member.ID, to *simNode, l led) {
	m := &pb.Message{
		Type: pb.MsgHeartbeat.Enum(), From: new(uint64(from)), To: new(uint64(to.id)), Term: new(l.term), Commit: new(l.commit),
	}
	to.core.hear(heard{m, gossip{acknowledged: l.acknowledged, run: l.run}})
	_ = to.core.Step(m)
	to.collect()
}

// writes is how many ticks pass until a new write is applied somewhere; negative
// if none is.
func (c *liedTo) writes(within int) int {
	text := ""
	for tick := range within {
		if text == "" || tick%20 == 19 {
			if next := c.write(); next != "" {
				text = next
			}
		}
		c.round()
		for _, n := range c.nodes {
			if last := len(n.applied); text != "" && last > 0 && n.applied[last-1] == text {
				return tick
			}
		}
	}
	return -1
}
