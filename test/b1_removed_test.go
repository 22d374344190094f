//go:build linux

package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// removedElection is long, so that a member which heard of its removal only
// because of an election would be noticed.
const removedElection = 10 * time.Second

// B1: a member that was away when it was removed stops as soon as it is back,
// and one that was there when its survivors have applied the removal: within a
// second at an election timeout of ten.
func TestB1RemovedMemberStopsAtOnce(t *testing.T) {
	t.Parallel()
	for _, away := range []bool{true, false} {
		t.Run(map[bool]string{true: "away", false: "there"}[away], func(t *testing.T) {
			c := startCluster(t, "raft.tick=100ms", "raft.election="+removedElection.String())
			leader := c.leader()
			victim := c.others(leader)[0]
			st, ok := victim.status()
			if !ok {
				t.Fatal("no status")
			}
			processes := live.SessionOf(victim.host.PID())
			if away {
				signalAll(processes, syscall.SIGSTOP)
			}
			// Those who can are asked; the victim may hang.
			survivors := &cluster{t: t, nodes: c.others(victim)}
			survivors.command("member", "remove", st.GetId())
			now, ok := leader.status()
			if !ok {
				t.Fatal("no status")
			}
			for _, n := range survivors.nodes {
				n.await("to have applied the removal", func() bool {
					st, ok := n.status()
					return ok && st.GetApplied() >= now.GetApplied()
				})
			}
			began := time.Now()
			signalAll(processes, syscall.SIGCONT)
			if code := victim.host.ExitsWithin(t, removedElection/2); code != exitNotMember {
				t.Errorf("it ended with exit code %d", code)
			}
			t.Logf("ended %v after it could hear of it", time.Since(began).Round(time.Millisecond))
			if !strings.Contains(victim.host.Log(), "this member was removed from the cluster") {
				t.Errorf("it does not say so:\n%s", victim.host.LastLines(10))
			}
			victim.leftNothing()
			c.nodes = survivors.nodes
			c.stop()
		})
	}
}

func signalAll(processes []live.Process, signal syscall.Signal) {
	for _, p := range processes {
		_ = syscall.Kill(p.PID, signal) // it may have ended
	}
}
