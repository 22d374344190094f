//go:build linux

package e2e

import (
	"context"
	"strings"
	"syscall"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// SIGTERM under load, fifty times on the same data: exit code 0 in time, no
// process and no socket left, and the next host takes the data at once. All
// acknowledged writes are there at the end.
func TestEveryStopIsOrderly(t *testing.T) {
	t.Parallel()
	n := newSingle(t)
	n.startReady()
	load := startWorkload(t, n)
	for range rounds(50) {
		load.progress(1)
		n.stop()
		checkStopOrder(t, n.host.Log())
		n.startReady()
	}
	load.progress(1)
	load.stop()
	load.history.Check(t, n.state(client.Linearizable))
	n.stop()
}

// stopOrder is what a host logs at its stop: the owner of the lock ends before
// the server, and after the raft goroutine.
func stopOrder() []string {
	return []string{
		`"stopping"`, `"raft goroutine ended"`, `"statemachine closed"`, `"transport closed"`, `"storage closed"`,
		`"server goroutine ended"`,
	}
}

func checkStopOrder(t *testing.T, log string) {
	t.Helper()
	last := -1
	for _, words := range stopOrder() {
		at := strings.Index(log, words)
		if at < last {
			t.Errorf("%s is logged at byte %d of the stop, after which come those before it:\n%s", words, at, log)
		}
		last = max(last, at)
	}
}

// A stop while the host starts is as orderly as any other, at whatever point
// it comes.
func TestStopDuringStart(t *testing.T) {
	t.Parallel()
	n := newSingle(t)
	for _, x := range []struct {
		name  string
		point func() bool
	}{
		{"first plugin process", func() bool { return len(live.ChildrenOf(n.host.PID())) > 0 }},
		{"all plugin processes", func() bool { return len(live.ChildrenOf(n.host.PID())) == 3 }},
		{"peers can connect", func() bool { return strings.Contains(n.host.Log(), "listening for peers") }},
		{"clients can connect", func() bool {
			code, _, err := n.get(n.admin, "/livez")
			return err == nil && code > 0
		}},
		{"running", func() bool { return strings.Contains(n.host.Log(), "host is running") }},
	} {
		t.Run(x.name, func(t *testing.T) {
			for range rounds(5) {
				n.start()
				n.await("to come to: "+x.name, x.point)
				n.stop()
			}
		})
	}
	n.startReady()
	n.stop()
}

// A second signal does not wait; the plugins end all the same.
func TestSecondSignalForcesTheStop(t *testing.T) {
	n := newSingle(t)
	n.startReady()
	n.signalPlugin("statemachine", syscall.SIGSTOP) // so that the first stop takes its time
	n.host.Signal(t, syscall.SIGTERM)
	n.await("to begin its stop", func() bool { return strings.Contains(n.host.Log(), `"stopping"`) })
	n.host.Signal(t, syscall.SIGTERM)
	if code := n.host.ExitsWithin(t, stopTime); code == 0 {
		t.Error("a forced stop has exit code 0")
	}
	eventually(t, "no process of the host", func() bool { return len(n.host.Left()) == 0 })
	n.startReady()
	n.stop()
	n.leftNothing() // the next host has swept the sockets of the forced one
}

// A leader that is stopped hands over: the others lose no write, and the next
// leader has the next term, not one after a failed election.
func TestStoppedLeaderHandsOver(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	for range rounds(10) {
		leader := c.leader()
		before, _ := leader.status()
		others := c.others(leader)
		load := startWorkload(t, others...)
		load.progress(20)
		leader.stop()
		if log := leader.host.Log(); !strings.Contains(log, "leadership handed over") {
			t.Errorf("%s did not hand over:\n%s", leader.name, leader.host.LastLines(20))
		}
		checkStopOrder(t, leader.host.Log())
		load.progress(20)
		load.stop()
		after, _ := c.leader().status()
		if after.GetTerm() != before.GetTerm()+1 {
			t.Errorf("term %d before the handover, %d after it", before.GetTerm(), after.GetTerm())
		}
		load.history.CheckNoneUnknown(t)
		leader.startReady()
	}
	c.agreed()
	c.stop()
}

// A host that is stopped while clients wait for a quorum that is not there ends
// their requests; it does not wait for them.
func TestStopEndsRequestsWithoutQuorum(t *testing.T) {
	t.Parallel()
	c := startCluster(t, "raft.tick=100ms", "raft.election=3s") // the leader still leads when it is asked
	leader := c.leader()
	for _, n := range c.others(leader) {
		n.kill()
	}
	cl := leader.dial()
	answered := make(chan error, 2)
	go func() {
		_, err := get(cl, "k", client.Linearizable)
		answered <- err
	}()
	go func() {
		_, err := cl.Propose(context.Background(), kv.EncodePut([]byte("k"), []byte("v")))
		answered <- err
	}()
	leader.await("to have a request that waits", func() bool {
		_, body, err := leader.get(leader.admin, "/metrics")
		return err == nil && strings.Contains(body, "pontoon_proposals_pending 1")
	})
	leader.stop()
	cl.Close()
	for range 2 {
		if err := <-answered; err == nil {
			t.Error("a request was answered without a quorum")
		}
	}
}
