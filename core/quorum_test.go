package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
)

func (c *cluster) patience() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	c.t.Cleanup(cancel)
	return ctx
}

// A single member is told of a second one under an address at which no program
// is. Writes go on, and the mistake is mended by an update: the member comes,
// catches up and votes.
func TestMistypedAddressStopsNothing(t *testing.T) {
	c := newCluster(t, 1, nil)
	c.leader()
	ctx := c.patience()
	second := c.member(2)
	right := second.PeerURLs
	second.PeerURLs = c.member(77).PeerURLs
	m, err := c.service(1).AddMember(ctx, second, server.ChangeOptions{})
	if err != nil || !m.Members[1].Learner || !m.Members[1].Promote {
		t.Fatalf("added: %+v, %v", m.Members, err)
	}
	c.propose(1, "one")
	second.PeerURLs = right
	if _, err := c.service(1).UpdateMember(ctx, second, server.ChangeOptions{}); err != nil {
		t.Fatal(err)
	}
	c.members = append(c.members, second)
	c.start(2, false)
	c.voter(1, 2)
	c.propose(2, "two")
	c.converged()
}

// While one of three is down, a healthy one is not removed, and the answer says
// why. The one that is down is.
func TestRemovalThatCostsTheQuorumIsRefused(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	healthy := c.other(leader)
	down := 6 - leader - healthy
	ctx := c.patience()
	c.eventually("the leader to hear both", func() bool {
		heard := 0
		for _, p := range c.service(leader).Status().Progress {
			if p.ID != leader && p.Active {
				heard++
			}
		}
		return heard == 2
	})
	c.network.Isolate(uint64(down))
	c.eventually("the leader to miss the one that is cut off", func() bool {
		for _, p := range c.service(leader).Status().Progress {
			if p.ID == down && !p.Active {
				return true
			}
		}
		return false
	})
	_, err := c.service(leader).RemoveMember(ctx, healthy, server.ChangeOptions{})
	if !errors.Is(err, server.ErrQuorumAtRisk) || !strings.Contains(err.Error(), fmt.Sprintf("%s (n%s)", down, down)) {
		t.Fatalf("removing the healthy one: %v", err)
	}
	if _, err := c.service(leader).RemoveMember(ctx, down, server.ChangeOptions{}); err != nil {
		t.Errorf("removing the one that is down: %v", err)
	}
	c.propose(leader, "on")
	c.members = without(c.members, down)
	c.network.HealAll()
}

func without(members []member.Member, not member.ID) (rest []member.Member) {
	for _, m := range members {
		if m.ID != not {
			rest = append(rest, m)
		}
	}
	return rest
}

// A leader that is cut off does not know what the members are by now: it
// answers nothing about them.
func TestNothingIsSaidOfMembersWithoutAQuorum(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	c.network.Isolate(uint64(leader))
	ctx := c.patience()
	if _, err := c.service(leader).RemoveMember(ctx, 99, server.ChangeOptions{}); err == nil {
		t.Error("removing an unknown member: done")
	}
	if _, err := c.service(leader).CurrentMembership(ctx); err == nil {
		t.Error("the present members were told")
	}
	if _, err := c.service(leader).TransferLeader(ctx, leader); err == nil {
		t.Error("it says that it leads")
	}
	c.network.HealAll()
	leader = c.leader()
	if _, err := c.service(leader).TransferLeader(ctx, leader); err != nil {
		t.Errorf("with a quorum, leading: %v", err)
	}
	if _, err := c.service(leader).RemoveMember(ctx, 99, server.ChangeOptions{}); err != nil {
		t.Errorf("with a quorum, removing an unknown member: %v", err)
	}
	if m, err := c.service(leader).CurrentMembership(ctx); err != nil || len(m.Members) != 3 {
		t.Errorf("with a quorum, the members: %v, %v", m.Members, err)
	}
}

// A removal that was answered is remembered by the member that is left, though
// it stops within the tick, before its commit index was due on disk.
func TestAnsweredRemovalSurvivesAStop(t *testing.T) {
	for range 5 {
		c := newCluster(t, 2, nil)
		leader := c.leader()
		gone := c.other(leader)
		if _, err := c.service(leader).RemoveMember(c.patience(), gone, server.ChangeOptions{}); err != nil {
			t.Fatal(err)
		}
		c.stop(leader)
		c.stop(gone)
		c.start(leader, true)
		c.leader(leader)
		c.propose(leader, "alone")
		if _, in := c.memberAt(leader, gone); in {
			t.Error("the removal was forgotten")
		}
		c.stop(leader)
		clear(c.nodes)
	}
}

// Clients have taken all of MaxPending and are refused, and a follower is
// stalled. The operator is served all the same.
func TestAdministrationPassesUnderOverload(t *testing.T) {
	c := newCluster(t, 3, func(cfg *core.Config) { cfg.MaxPending = 2 })
	leader := c.leader()
	stalled := c.other(leader)
	c.network.Isolate(uint64(stalled))
	ctx, cancel := context.WithCancel(c.patience())
	refused := make(chan struct{}, 1)
	var load sync.WaitGroup
	for _, at := range idsWithout(c.members, stalled) {
		for range 20 {
			load.Go(func() {
				for ctx.Err() == nil {
					_, err := c.service(at).Propose(ctx, make([]byte, 1000))
					if at == leader && errors.Is(err, server.ErrTooManyRequests) {
						select {
						case refused <- struct{}{}:
						default:
						}
					}
					if err != nil { // a client that is refused comes back later
						select {
						case <-time.After(time.Millisecond):
						case <-ctx.Done():
						}
					}
				}
			})
		}
	}
	<-refused
	if _, err := c.service(leader).RemoveMember(ctx, stalled, server.ChangeOptions{}); err != nil {
		t.Errorf("member remove: %v", err)
	}
	to := 6 - leader - stalled
	if got, err := c.service(leader).TransferLeader(ctx, to); err != nil || got != to {
		t.Errorf("leader transfer: %v, %v", got, err)
	}
	c.eventually("a status of the new leader", func() bool {
		st := c.service(to).Status()
		return st.Role == "leader" && len(st.Progress) == 1
	})
	cancel()
	load.Wait()
	c.members = without(c.members, stalled)
}

func idsWithout(members []member.Member, not member.ID) (ids []member.ID) {
	for _, m := range without(members, not) {
		ids = append(ids, m.ID)
	}
	return ids
}
