package core_test

import (
	"errors"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// A member that was away while it was removed ends when it comes back, also if one
// of those that it knew was replaced meanwhile, and is gone.
func TestARemovedMemberEndsThoughAnotherOneWasReplaced(t *testing.T) {
	for name, replaced := range map[string]bool{"the others stay": false, "another one was replaced": true} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 3, nil)
			leader := c.leader()
			c.registered()
			third := c.other(leader)
			away := 6 - leader - third
			c.stop(away)
			remove := func(id member.ID) {
				c.eventually("the removal of "+id.String(), func() bool {
					_, err := c.service(leader).RemoveMember(c.patience(), id, server.ChangeOptions{})
					return err == nil
				})
			}
			remove(away)
			known := c.members
			c.members = without(c.members, away)
			if replaced {
				fourth := c.member(4)
				c.eventually("the addition", func() bool {
					_, err := c.service(leader).AddMember(c.patience(), fourth, server.ChangeOptions{})
					return err == nil
				})
				c.members = append(c.members, fourth)
				c.start(4, false)
				c.voter(leader, 4)
				remove(third)
				c.ended(third)
				c.stop(third)
			}
			c.members = known
			c.start(away, false)
			if err := c.ended(away); !errors.Is(err, core.ErrRemoved) {
				t.Errorf("the removed member ended with %v", err)
			}
		})
	}
}

// A member that leads, or hears a leader, is ended by no single voter's word that
// it was removed, however long that is said, and though no other voter is reached.
func TestOneVotersWordOfARemovalEndsNoMemberThatHasCompany(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	c.registered()
	follower := c.other(leader)
	c.stop(6 - leader - follower)
	for id, liar := range map[member.ID]member.ID{leader: follower, follower: leader} {
		core.SayRemoved(c.nodes[id].host, liar, member.Removed{ID: id, Index: 1 << 40, Term: 1 << 20}, time.Hour)
		if err := c.nodes[id].host.Err(); err != nil {
			t.Errorf("member %s has ended: %v", id, err)
		}
	}
	c.propose(leader, "after that")
}

// Of two voters, the other one's word ends no member whose log does not reach to
// the removal: without that it was not committed.
func TestOfTwoVotersTheOtherOnesWordIsNotEnough(t *testing.T) {
	c := newCluster(t, 2, nil)
	leader := c.leader()
	c.registered()
	for _, id := range []member.ID{leader, 3 - leader} {
		core.SayRemoved(c.nodes[id].host, 3-id, member.Removed{ID: id, Index: 1 << 40, Term: 1 << 20}, 0)
		if err := c.nodes[id].host.Err(); err != nil {
			t.Errorf("member %s has ended: %v", id, err)
		}
	}
	c.propose(leader, "after that")
}
