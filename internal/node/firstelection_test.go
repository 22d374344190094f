package node

import (
	"testing"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// founder is one of three founding members, which has heard nothing yet.
func founder(t *testing.T) *Core {
	t.Helper()
	return newVoters(t, 3, func(cfg *Config) { cfg.ElectionTicks = 100 }).core
}

// ticksToCampaign is after how many ticks more a node asks for votes.
func ticksToCampaign(t *testing.T, c *Core) int {
	t.Helper()
	for n := 0; ; n++ {
		if c.raft.BasicStatus().RaftState != raft.StateFollower {
			return n
		}
		if n > 1000 {
			t.Fatal("it never campaigns")
		}
		if err := c.Tick(); err != nil {
			t.Fatal(err)
		}
	}
}

func met(t *testing.T, c *Core, ids ...member.ID) {
	t.Helper()
	for _, id := range ids {
		if err := c.Met(id); err != nil {
			t.Fatal(err)
		}
	}
}

// A node that has met a majority has its first election within one timeout; alone, or
// with strangers, it waits as raft does.
func TestTheFirstElectionComesEarly(t *testing.T) {
	for _, x := range []struct {
		name        string
		met         []member.ID
		least, most int
	}{
		{"alone", nil, 100, 200},
		{"with strangers", []member.ID{7, 8, 9}, 100, 200},
		{"with one of two others", []member.ID{3}, 1, 101},
		{"with all", []member.ID{2, 3}, 1, 101},
	} {
		t.Run(x.name, func(t *testing.T) {
			early := 0
			for range 20 {
				c := founder(t)
				met(t, c, x.met...)
				n := ticksToCampaign(t, c)
				if n < x.least || n > x.most {
					t.Fatalf("it campaigns after %d ticks, want %d to %d", n, x.least, x.most)
				}
				if n < 80 {
					early++
				}
			}
			if wants := x.most < 200; wants != (early > 0) {
				t.Errorf("%d of 20 first elections are early", early)
			}
		})
	}
}

// The first timeout is saved once: a majority that comes late saves only what is left of the
// first timeout, and a second meeting saves nothing.
func TestOnlyTheFirstElectionComesEarly(t *testing.T) {
	c := founder(t)
	for range 60 {
		if err := c.Tick(); err != nil {
			t.Fatal(err)
		}
	}
	met(t, c, 2, 2, 3)
	if n := ticksToCampaign(t, c); n < 1 || n > 101 {
		t.Errorf("it campaigns %d ticks after it met a majority", n)
	}
	after := c.raft.BasicStatus().RaftState
	met(t, c, 2, 3)
	if now := c.raft.BasicStatus().RaftState; now != after || !c.firstElection.over {
		t.Errorf("a meeting after the first election made it %v of %v", now, after)
	}
}

// A leader that has been heard, be it since the last tick, keeps its whole timeout: a
// meeting takes nothing from it.
func TestAMeetingTakesNoTimeFromALeaderThatWasHeard(t *testing.T) {
	n := newVoters(t, 3, func(cfg *Config) { cfg.ElectionTicks = 100 })
	n.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(1)), Commit: new(uint64(0))})
	met(t, n.core, 2, 3)
	if ticks := ticksToCampaign(t, n.core); ticks < 100 {
		t.Errorf("it campaigns %d ticks after it has heard of a leader, want 100 at least", ticks)
	}
}

// Callers may have any names: those of no voter are not remembered.
func TestStrangersThatAreMetAreNotRemembered(t *testing.T) {
	c := founder(t)
	for id := range member.ID(1000) {
		met(t, c, id+10)
	}
	if n := len(c.firstElection.met); n > 2 {
		t.Errorf("%d members that were met are remembered, of two others", n)
	}
}

// A member that founds a cluster, and has met a majority, waits two heartbeats for the
// rest, and makes good for them: the first election comes no later. When all are there
// it waits for nothing.
func TestAFounderWaitsForTheRestOfItsList(t *testing.T) {
	unfounded := func() *Core {
		return newFounders(t, 3, func(cfg *Config) { cfg.ElectionTicks, cfg.HeartbeatTicks = 100, 10 }).core
	}
	for range 20 {
		c := unfounded()
		met(t, c, 3)
		if n := ticksToCampaign(t, c); n < 20 || n > 110 {
			t.Fatalf("with one of two others it campaigns after %d ticks, want 20 to 110", n)
		}
		c = unfounded()
		met(t, c, 3, 2)
		if !c.firstElection.over {
			t.Fatal("it waits although it has met all")
		}
	}
}
