//go:build linux

package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

var (
	slowFor   = flag.Duration("slow-machine", 0, "for how long at least TestSlowMachine writes while a state machine is slow")
	slowState = flag.Int64("slow-machine.state", 16<<20, "how many bytes a snapshot of TestSlowMachine has")
)

const (
	// slowBacklog is what the members that are not slow apply meanwhile, at
	// least: more than the memory that the slow one may use for it.
	slowBacklog = 112 << 20
	// slowBudget is what a host may keep in memory of what waits for its state
	// machine, and slowGrowth how much more it may grow by.
	slowBudget = 32 << 20
	slowGrowth = 64 << 20

	slowValue, slowWriters = 64 << 10, 32
)

// A state machine that applies a tenth of what is written, on a follower, then on
// the leader, does not make its host grow with what waits for it: the rest is
// read from the log when its turn comes. That holds after a kill -9 of the slow
// member too, and while a snapshot is restored under writes. In the end all
// members have the same state.
//
// make slow-machine does so for a minute each, with a snapshot of 1 GiB.
func TestSlowMachine(t *testing.T) {
	s := startSluggish(t)
	rate := s.warm()
	t.Logf("%d MiB a second are written", rate>>20)

	slow := s.watch(s.follower())
	slow.pace(rate / 10)
	written := s.write(s.others(slow.node)[0], slowBacklog)
	slow.lags()
	slow.judge("with a slow state machine", written)
	slow.killed()
	slow.judge("after kill -9", 0)
	s.agree(slow)

	slow = s.watch(s.leader())
	slow.pace(rate / 10)
	written = s.write(s.others(slow.node)[0], slowBacklog)
	slow.lags()
	slow.judge("with a slow state machine, the leader at first", written)
	s.agree(slow)

	slow, leader := s.watch(s.follower()), s.watch(s.leader())
	slow.stop()
	s.outgrow(slow, leader.node)
	slow.pace(*slowState / 100)
	slow.begun()
	slow.await("to install a snapshot", func() bool { return strings.Contains(slow.host.Log(), `"snapshot installed"`) })
	written = s.write(leader.node, slowBacklog)
	slow.lags()
	slow.judge(fmt.Sprintf("while it restored %d MiB", *slowState>>20), written)
	leader.judge("as the leader of that", written)
	s.agree(slow)
	s.stop()
}

// sluggishCluster has nodes with sluggish state machines. before is what each host
// used when it had in memory what writing needs. Each host process has a client of its
// own: that of one that was killed has moved on to another member.
type sluggishCluster struct {
	*cluster
	before  map[*node]int64
	clients map[*live.Host]*client.Client
}

func startSluggish(t *testing.T) sluggishCluster {
	t.Helper()
	c := newCluster(t)
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range c.nodes {
		n.rewrite("    name: kv", fmt.Sprintf("    command: [%q, plugin-serve, statemachine, %s]\n    sha256: %s\n    env: [%q, %q]",
			own, sluggishName, sumOf(t, own), sluggishPace+"="+n.file("pace"), sluggishBallast+"="+n.file("ballast")))
		n.settings = []string{fmt.Sprintf("raft.snapshot_log_bytes=%d", max(16<<20, *slowState/4)), "raft.catch_up_entries=10"}
	}
	c.start()
	return sluggishCluster{c, map[*node]int64{}, map[*live.Host]*client.Client{}}
}

// warm writes for a while, so that each host has in memory what writing needs, and
// returns how many bytes a second were written.
func (s sluggishCluster) warm() int64 {
	s.t.Helper()
	began := time.Now()
	written := s.writeFor(0, s.follower(), slowBacklog/3)
	rate := int64(float64(written) / time.Since(began).Seconds())
	for _, n := range s.nodes {
		s.before[n] = n.watchMemory()[0].Before
	}
	return rate
}

// watch begins to measure a node's host again.
func (s sluggishCluster) watch(n *node) *watched {
	s.t.Helper()
	w := &watched{n, n.watchMemory()[0]}
	w.memory.Before = s.before[n]
	return w
}

// write writes through a node, for as long as the test is to take and so many
// bytes at least, and returns how many.
func (s sluggishCluster) write(through *node, least int64) int64 {
	s.t.Helper()
	return s.writeFor(*slowFor, through, least)
}

func (s sluggishCluster) writeFor(during time.Duration, through *node, least int64) int64 {
	s.t.Helper()
	var written atomic.Int64
	over := time.After(during)
	ended := make(chan struct{})
	var wg sync.WaitGroup
	c := s.clients[through.host]
	if c == nil {
		c = through.dial()
		s.clients[through.host] = c
	}
	for range slowWriters {
		wg.Go(func() {
			value := make([]byte, slowValue)
			for {
				select {
				case <-ended:
					return
				default:
				}
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				if _, err := c.Propose(ctx, value); err == nil {
					written.Add(slowValue)
				}
				cancel()
			}
		})
	}
	<-over
	eventually(s.t, fmt.Sprintf("%d MiB to be written", least>>20), func() bool { return written.Load() >= least })
	close(ended)
	wg.Wait()
	return written.Load()
}

// outgrow gives the others a state of many bytes, and writes until a node that is
// stopped needs it as a snapshot.
func (s sluggishCluster) outgrow(stopped *watched, leader *node) {
	s.t.Helper()
	lacks := stopped.lastIndex()
	for _, n := range s.others(stopped.node) {
		n.write(n.file("ballast"), fmt.Sprint(*slowState))
	}
	for first := uint64(0); first <= lacks+1; {
		s.writeFor(0, leader, 4<<20)
		if st, ok := leader.status(); ok {
			first = st.GetFirstIndex()
		}
	}
}

// agree lets a slow state machine go on and waits until all have the same state.
func (s sluggishCluster) agree(slow *watched) {
	s.t.Helper()
	slow.pace(0)
	if last, ok := slow.status(); !ok || !within(patience+2**slowFor, func() bool {
		st, ok := slow.status()
		return ok && st.GetApplied() >= last.GetLastIndex()
	}) {
		s.t.Fatalf("%s does not catch up", slow.name)
	}
	var want string
	for _, n := range s.nodes {
		n.awaitReady()
		got := n.ask("state")
		if want == "" {
			want = got
		}
		if got != want {
			s.t.Fatalf("%s has applied %s, want %s", n.name, got, want)
		}
	}
	slow.judge("until it had caught up", 0)
}

// watched is a node whose host is measured.
type watched struct {
	*node
	memory *live.Memory
}

// begun starts the host. Its memory is compared with that of the host before
// it, which was at work.
func (w *watched) begun() {
	w.t.Helper()
	w.start()
	w.memory.PID = w.host.PID()
}

// killed kills the host, and starts one that finds all that its state machine has
// not applied; it returns when the state machine is at it again.
func (w *watched) killed() {
	w.t.Helper()
	before, _ := w.status()
	w.kill()
	w.begun()
	first := uint64(0)
	w.await("to apply again", func() bool {
		st, ok := w.status()
		if !ok || st.GetLastIndex() < before.GetLastIndex() {
			return false
		}
		if first == 0 {
			first = st.GetApplied()
		}
		return st.GetApplied() > first
	})
}

// lags fails if less waits for the state machine than the host may keep in memory: its
// memory would show nothing then.
func (w *watched) lags() {
	w.t.Helper()
	st, ok := w.status()
	if !ok {
		w.t.Fatalf("%s has no status", w.name)
	}
	if waits := (st.GetCommit() - st.GetApplied()) * slowValue; waits < slowBudget {
		w.t.Errorf("%d MiB wait for the state machine of %s: it shows nothing", waits>>20, w.name)
	}
}

// judge fails if the host has grown by more than it may.
func (w *watched) judge(when string, written int64) {
	w.t.Helper()
	growth := w.memory.Growth()
	st, _ := w.status()
	w.t.Logf("the %s %s: %d MiB before, grew by %d MiB; %d MiB were written, %d entries of %d KiB are not applied (%s)",
		w.memory.What, when, w.memory.Before>>20, growth>>20, written>>20, st.GetCommit()-st.GetApplied(), slowValue>>10, st.GetRole())
	if growth > slowBudget+slowGrowth && !live.RaceDetector {
		w.t.Errorf("the %s grew by %d MiB %s", w.memory.What, growth>>20, when)
	}
}
