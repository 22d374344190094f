//go:build linux

package e2e

import (
	"context"
	"flag"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/internal/server"
)

const (
	// commitTimeout is how long a request may take at an election timeout of a second.
	commitTimeout = 7 * time.Second
	// lateAnswer is what a busy machine adds to it.
	lateAnswer = 500 * time.Millisecond
)

// leaderLosses are few in a normal run; the statement asks for ten.
var leaderLosses = flag.Int("a1", 3, "how many leaders TestA1AFailureNamesTheLossOfTheLeader stops")

// A1: a request that went to a leader which is gone fails in time and says so, on the
// member that leads next and on the one that does not: it was forwarded, and nothing
// came back. A cluster that has lost its quorum says that there is no leader.
func TestA1AFailureNamesTheLossOfTheLeader(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	for range *leaderLosses {
		leader := c.fitLeader()
		survivors := c.others(leader)
		before, ok := leader.status()
		if !ok {
			t.Fatal("no status")
		}
		for _, n := range survivors { // what waits for a disk is not on its way to the leader
			n.await("to acknowledge a write", func() bool { reason, err := n.proposeOnce([]byte("before")); return err == nil && reason == "" })
		}
		leader.host.Signal(t, syscall.SIGSTOP)
		nameTheLoss(t, survivors, "leader_lost")
		for _, n := range survivors {
			n.await("to follow another leader", func() bool {
				st, ok := n.status()
				return ok && st.GetLeader() != "" && st.GetLeader() != leader.id() && st.GetTerm() > before.GetTerm()
			})
		}
		leader.host.Signal(t, syscall.SIGCONT)
		leader.awaitReady()
	}
	c.losesAKilledLeader()
	last := c.leader()
	for _, n := range c.others(last) {
		n.kill()
	}
	last.knowsNoLeader()
	if reason, err := last.proposeOnce([]byte("x")); reason != "no_leader" {
		t.Errorf("without a quorum: reason %q, %v", reason, err)
	}
	last.stop()
}

// losesAKilledLeader kills the leader under requests of both survivors. Its connections
// end with it, so a survivor may know that before it knows that there is no leader.
func (c *cluster) losesAKilledLeader() {
	c.t.Helper()
	leader := c.fitLeader()
	leader.kill()
	nameTheLoss(c.t, c.others(leader), "leader_lost", "connection_lost")
	leader.startReady()
}

// fitLeader is the leader once all members are fit: one that is unfit hands its
// leadership over, and refuses at once a request that it could not forward.
func (c *cluster) fitLeader() *node {
	c.t.Helper()
	var leader *node
	eventually(c.t, "a leader, and no member that is unfit", func() bool {
		leader = c.leader()
		return !slices.ContainsFunc(c.nodes, func(n *node) bool {
			st, ok := n.status()
			return !ok || slices.ContainsFunc(st.GetWarnings(), func(w *hostv1.Warning) bool { return w.GetReason() == server.WarnUnfit })
		})
	})
	return leader
}

// nameTheLoss proposes on all of these members at once. Each must name the loss in time,
// as one of these reasons.
func nameTheLoss(t testing.TB, members []*node, reasons ...string) {
	t.Helper()
	began := time.Now()
	var asked sync.WaitGroup
	for _, n := range members {
		asked.Go(func() {
			reason, err := n.proposeOnce([]byte("x"))
			took := time.Since(began)
			if !slices.Contains(reasons, reason) || took > commitTimeout+lateAnswer {
				t.Errorf("%s, after %v: reason %q, %v", n.name, took, reason, err)
			}
		})
	}
	asked.Wait()
}

// knowsNoLeader waits until a node has lost its leader.
func (n *node) knowsNoLeader() {
	n.t.Helper()
	n.await("to know no leader", func() bool {
		st, ok := n.status()
		return ok && st.GetLeader() == ""
	})
}

// proposeOnce proposes without any retry, and returns the reason of the failure.
func (n *node) proposeOnce(value []byte) (reason string, err error) {
	conn, err := grpc.NewClient(n.client, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_, err = hostv1.NewHostClient(conn).Propose(context.Background(), &hostv1.ProposeRequest{Data: kv.EncodePut([]byte("a1"), value)})
	for _, d := range status.Convert(err).Details() {
		if f, ok := d.(*hostv1.Failure); ok {
			return f.GetReason(), err
		}
	}
	return "", err
}
