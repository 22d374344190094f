package core_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
)

func TestWritesAndReadsOnEveryMember(t *testing.T) {
	for _, size := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d nodes", size), func(t *testing.T) {
			c := newCluster(t, size, nil)
			c.leader()
			for i := range 20 {
				c.propose(member.ID(i%size+1), fmt.Sprintf("w%d", i))
			}
			for _, m := range c.members {
				if got := c.query(m.ID, "count"); got != "20" {
					t.Errorf("node %s counts %s entries, want 20", m.ID, got)
				}
			}
			if got := c.converged(); len(got) != 20 {
				t.Errorf("state is %v", got)
			}
		})
	}
}

func TestRestartKeepsEverything(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.leader()
	for round := range 3 {
		c.propose(1, fmt.Sprintf("round %d", round))
		for _, m := range c.members {
			c.stop(m.ID)
		}
		for _, m := range c.members {
			c.start(m.ID, true)
		}
		c.leader()
	}
	want := []string{"round 0", "round 1", "round 2"}
	c.query(1, "count")
	if got := c.converged(); !slices.Equal(got, want) {
		t.Errorf("state is %v, want %v", got, want)
	}
}

// A storage that fails is a crash of the raft node, not of the host (law 3).
func TestStorageFailureBuildsTheNodeAnew(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	c.propose(leader, "before")
	n := c.nodes[leader]
	failed := make(chan struct{})
	n.disk.OnAppend(func([]storage.Batch) error {
		select {
		case <-failed:
			return nil
		default:
			close(failed)
			return errDisk
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	if _, err := c.service(leader).Propose(ctx, []byte("during")); err == nil {
		t.Error("a proposal whose append failed was acknowledged by the node that failed")
	}
	<-failed
	c.leader()
	c.propose(leader, "after")
	if n.host.Err() != nil {
		t.Errorf("the host ended: %v", n.host.Err())
	}
	got := c.converged()
	if got[0] != "before" || got[len(got)-1] != "after" {
		t.Errorf("state is %v", got)
	}
}

// A state machine that dies is restarted and replayed; nothing is applied
// twice or left out.
func TestStateMachineDeathReplays(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	for i := range 50 {
		c.propose(leader, fmt.Sprint(i))
	}
	for _, id := range []member.ID{leader, c.other(leader)} {
		c.nodes[id].machine().FailNext(errors.New("out of cheese"))
		c.propose(id, fmt.Sprintf("to %s", id))
	}
	c.propose(leader, "last")
	got := c.converged()
	if len(got) != 53 || got[52] != "last" {
		t.Errorf("state has %d entries: %v", len(got), got)
	}
}

// A follower that is behind the compacted log is caught up by a snapshot.
func TestLaggingFollowerIsCaughtUpBySnapshot(t *testing.T) {
	c := newCluster(t, 3, func(cfg *core.Config) {
		cfg.SnapshotEntries, cfg.CatchUpEntries = 50, 10
	})
	leader := c.leader()
	behind := c.other(leader)
	c.network.Isolate(uint64(behind))
	for i := range 200 {
		c.propose(leader, fmt.Sprint(i))
	}
	c.eventually("a compacted log", func() bool { return c.service(leader).Status().FirstIndex > 50 })
	c.network.HealAll()
	c.eventually("the follower to have a snapshot", func() bool { return c.service(behind).Status().SnapshotIndex > 0 })
	c.propose(leader, "end")
	if got := c.converged(); len(got) != 201 {
		t.Errorf("state has %d entries", len(got))
	}
	c.says(behind, "snapshot installed")
	// A state that was restored from a snapshot must survive a restart.
	c.stop(behind)
	c.start(behind, true)
	c.leader()
	c.converged()
}

// A follower behind the leader's memory, but not behind its log, gets entries
// from the leader's disk, not a snapshot (statement A9).
func TestA9SlowFollowerIsServedFromDisk(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	behind := c.other(leader)
	c.network.Isolate(uint64(behind))
	for i := range 12 {
		c.propose(leader, fmt.Sprintf("%d:%s", i, strings.Repeat("x", 1<<20)))
	}
	c.network.HealAll()
	c.propose(leader, "end")
	if got := c.converged(); len(got) != 13 {
		t.Errorf("state has %d entries", len(got))
	}
	if c.nodes[behind].log.position("receiving a snapshot") >= 0 {
		t.Error("the follower was sent a snapshot")
	}
}

func TestMembersAreAddedAndRemoved(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	c.propose(leader, "one")
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()

	fourth := c.member(4)
	if _, err := c.service(c.other(leader)).AddMember(ctx, fourth, server.ChangeOptions{}); !errors.Is(err, server.ErrNotLeader) {
		t.Errorf("a follower answered %v, want %v", err, server.ErrNotLeader)
	}
	ms, err := c.service(leader).AddMember(ctx, fourth, server.ChangeOptions{})
	if err != nil || len(ms.Members) != 4 {
		t.Fatalf("add: %v, members %v", err, ms.Members)
	}
	c.members = append(c.members, fourth)
	c.start(4, false)
	c.eventually("the new member to catch up", func() bool { return c.service(4).Ready() == nil })
	c.propose(4, "two")
	if got := c.converged(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("state is %v", got)
	}
	c.voter(leader, 4)

	if _, err := c.service(leader).AddMember(ctx, fourth, server.ChangeOptions{}); !errors.Is(err, server.ErrChangeRefused) {
		t.Errorf("adding a member twice: %v", err)
	}
	gone := c.other(leader)
	if _, err := c.service(leader).RemoveMember(ctx, gone, server.ChangeOptions{}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.nodes[gone].host.Failed():
	case <-ctx.Done():
		t.Fatal("the removed member did not stop")
	}
	if err := c.nodes[gone].host.Err(); !errors.Is(err, core.ErrRemoved) {
		t.Errorf("the removed member ended with %v", err)
	}
	if _, err := c.service(leader).RemoveMember(ctx, 99, server.ChangeOptions{}); err != nil {
		t.Errorf("removing an unknown member: %v", err)
	}
	readd := c.member(gone)
	if _, err := c.service(leader).AddMember(ctx, readd, server.ChangeOptions{}); !errors.Is(err, server.ErrChangeRefused) {
		t.Errorf("a removed id came back: %v", err)
	}
	c.members = slices.DeleteFunc(c.members, func(m member.Member) bool { return m.ID == gone })
	c.propose(leader, "three")
}

// voter waits until a member is a voter in the eyes of another one.
func (c *cluster) voter(at, id member.ID) {
	c.t.Helper()
	c.eventually("member "+id.String()+" to be a voter", func() bool {
		m, ok := c.memberAt(at, id)
		return ok && !m.Learner
	})
}

// memberAt is what one member knows of another.
func (c *cluster) memberAt(at, id member.ID) (member.Member, bool) {
	for _, m := range c.service(at).Membership().Members {
		if m.ID == id {
			return m, true
		}
	}
	return member.Member{}, false
}

// New addresses are known to every member, survive a restart, and cost no
// member its place. A caller that says the same again is told the same.
func TestMemberIsUpdated(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	moved := c.other(leader)
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	update := member.Member{ID: moved, PeerURLs: append(c.member(moved).PeerURLs, "quic://elsewhere:1")}
	for range 2 {
		ms, err := c.service(leader).UpdateMember(ctx, update, server.ChangeOptions{})
		if err != nil || len(ms.Members) != 3 {
			t.Fatalf("update: %v, members %v", err, ms.Members)
		}
	}
	c.stop(moved)
	c.start(moved, true)
	c.leader()
	want := c.member(moved)
	want.PeerURLs = update.PeerURLs
	for _, m := range c.members {
		c.eventually("the update on "+m.ID.String(), func() bool {
			for _, have := range c.service(m.ID).Membership().Members {
				if have.ID == moved {
					have.Store = 0 // registered when it was met
					return reflect.DeepEqual(have, want)
				}
			}
			return false
		})
	}
	c.propose(moved, "still there")
	for _, tc := range []struct {
		name   string
		update member.Member
		want   error
	}{
		{"a stranger", member.Member{ID: 9, Name: "n9"}, server.ErrUnknownMember},
		{"another's address", member.Member{ID: moved, PeerURLs: c.member(leader).PeerURLs}, server.ErrChangeRefused},
	} {
		if _, err := c.service(c.leader()).UpdateMember(ctx, tc.update, server.ChangeOptions{}); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
	follower := c.other(c.leader())
	if _, err := c.service(follower).UpdateMember(ctx, update, server.ChangeOptions{}); !errors.Is(err, server.ErrNotLeader) {
		t.Errorf("a follower answered %v, want %v", err, server.ErrNotLeader)
	}
}

func TestLeadershipIsTransferred(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	to := c.other(leader)
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	got, err := c.service(leader).TransferLeader(ctx, to)
	if err != nil || got != to {
		t.Fatalf("transfer to %s gave %s, %v", to, got, err)
	}
	if got := c.leader(); got != to {
		t.Errorf("leader is %s, want %s", got, to)
	}
}

// Law 5: the raft goroutine ends before the storage is closed, and the server
// goroutine ends last.
func TestStopOrder(t *testing.T) {
	c := newCluster(t, 1, nil)
	c.leader()
	c.propose(1, "x")
	c.stop(1)
	var at []int
	steps := []string{"stopping", "raft goroutine ended", "statemachine closed", "transport closed", "storage closed", "server goroutine ended"}
	for _, s := range steps {
		at = append(at, c.nodes[1].log.position(s))
	}
	if at[0] < 0 || !slices.IsSorted(at) {
		t.Errorf("steps %v stand at %v in the log:\n%s", steps, at, strings.Join(c.nodes[1].log.all(), "\n"))
	}
}

// Statement A8 and bug #11308: a restart at once finds the lock free.
func TestA8FiftyRoundsOfStopAndReopen(t *testing.T) {
	c := newCluster(t, 1, nil)
	for i := range 50 {
		c.leader()
		c.propose(1, fmt.Sprint(i))
		c.stop(1)
		c.opensAtOnce(1)
	}
	c.leader()
	c.query(1, "count")
	if got := c.converged(); len(got) != 50 {
		t.Errorf("state has %d entries, want 50", len(got))
	}
}

func TestBadProposalsAreRefused(t *testing.T) {
	c := newCluster(t, 1, func(cfg *core.Config) { cfg.MaxValueBytes = 1 << 10 })
	c.leader()
	for _, tc := range []struct {
		name string
		data []byte
		want error
	}{
		{"empty", nil, server.ErrEmpty},
		{"too large", make([]byte, 1<<10+1), server.ErrTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := c.service(1).Propose(context.Background(), tc.data); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

// A host that cannot have its port says so at once and leaves no process or
// file.
func TestPortInUse(t *testing.T) {
	c := newCluster(t, 1, nil)
	c.leader()
	cfg := c.config(&testNode{log: &recorder{}, disk: storagetest.NewDisk()}, 2, true)
	cfg.ClientAddress = c.nodes[1].host.Addr().String()
	h, err := core.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	err = h.Start(ctx)
	if !errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, core.ErrForced) || !strings.Contains(err.Error(), cfg.ClientAddress) {
		t.Errorf("start gave %v, want an error that names %s and nothing that was forced", err, cfg.ClientAddress)
	}
	<-h.Done()
}
