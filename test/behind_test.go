//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

var behind = flag.Int("behind", 2000, "how many entries of 100 kB the follower of TestA9FarBehindFollower lacks")

const (
	behindEntryBytes = 100_000
	// behindGrowth is how much more memory a process of the leader may use
	// while it serves the follower.
	behindGrowth = 64 << 20
)

// A follower that lacks far more than the leader keeps in memory, but not more
// than it has on disk, gets it all without a snapshot, and the leader's host and
// storage plugin read it piece by piece (statement A9).
//
// make bench-behind has it lack 20,000 entries, 2 GB.
func TestA9FarBehindFollower(t *testing.T) {
	c := startCluster(t, "raft.snapshot_log_bytes=16MiB", "raft.catch_up_entries=1000000", "raft.catch_up_bytes=64GiB")
	absent := c.nodes[2]
	absent.stop()
	lacks := absent.lastIndex()
	writeLarge(t, c.nodes[:2], *behind)
	for _, n := range c.nodes[:2] { // what the writing left in memory is not to be measured
		n.stop()
	}
	for _, n := range c.nodes[:2] {
		n.start()
	}
	leader := c.leader()
	leader.awaitReady()
	st, _ := leader.status()
	if st.GetFirstIndex() > lacks+1 {
		t.Fatalf("the leader's log begins at %d: %s lacks what follows %d", st.GetFirstIndex(), absent.name, lacks)
	}
	measured := leader.watchMemory("storage")
	absent.start()
	absent.await("to catch up", func() bool {
		own, ok := absent.status()
		return ok && own.GetApplied() >= st.GetLastIndex()
	})
	for _, m := range measured {
		growth := m.Growth()
		t.Logf("%d entries of %d bytes: the %s used %d MiB before and grew by %d MiB",
			*behind, behindEntryBytes, m.What, m.Before>>20, growth>>20)
		if growth > behindGrowth && !live.RaceDetector {
			t.Errorf("the %s grew by %d MiB", m.What, growth>>20)
		}
	}
	if strings.Contains(absent.host.Log(), "receiving a snapshot") {
		t.Error("the follower was sent a snapshot")
	}
	c.stop()
}

// lastIndex is the end of the log of a node that is stopped, as the tool for it says.
func (n *node) lastIndex() uint64 {
	n.t.Helper()
	out, err := hostCommand(n.t, "log", "verify", "-o", "json", "--data-dir", n.data).Output()
	if err != nil {
		n.t.Fatalf("log verify: %v", err)
	}
	var answer struct {
		Last uint64 `json:"last_index"`
	}
	if err := json.Unmarshal(out, &answer); err != nil || answer.Last == 0 {
		n.t.Fatalf("log verify says %s: %v", out, err)
	}
	return answer.Last
}

// writeLarge writes count values to ten keys, several at a time.
func writeLarge(t *testing.T, nodes []*node, count int) {
	t.Helper()
	var endpoints []string
	for _, n := range nodes {
		endpoints = append(endpoints, n.client)
	}
	c, err := client.New(client.Options{Endpoints: endpoints, RequestTimeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var next atomic.Int64
	var writers sync.WaitGroup
	value := make([]byte, behindEntryBytes)
	for range 8 {
		writers.Go(func() {
			for i := next.Add(1); i <= int64(count); i = next.Add(1) {
				if _, err := c.Propose(context.Background(), kv.EncodePut(fmt.Append(nil, i%10), value)); err != nil {
					t.Errorf("write %d: %v", i, err)
					return
				}
			}
		})
	}
	writers.Wait()
	if t.Failed() {
		t.FailNow()
	}
}
