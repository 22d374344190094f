//go:build linux

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

const (
	// snapshotRate is the pace at which this snapshot travels, in bytes a second.
	snapshotRate = 50_000_000
	// mostGrowth is what it may cost a host, a transport or a storage at either end.
	mostGrowth = 64 << 20
	// smallState is large enough for a test to tell a process that holds all of it
	// from one that does not.
	smallState = 64 << 20
)

// B6: a large state reaches a node that lacks it, at 50 MB/s, while the others
// go on: the leader stays, and neither hosts nor plugins grow by more than
// 64 MiB, nor by three quarters of the state, while the snapshot travels. With
// PONTOON_LARGE_SNAPSHOT=1073741824 it is a gibibyte (make large-snapshot).
func TestB6LargeSnapshot(t *testing.T) {
	size := smallState
	if s := os.Getenv("PONTOON_LARGE_SNAPSHOT"); s != "" {
		var err error
		if size, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	c := newCluster(t)
	for _, n := range c.nodes {
		n.settings = []string{"raft.catch_up_entries=10", fmt.Sprintf("raft.snapshot_log_bytes=%d", max(16<<20, size/8))}
		n.rewrite("name: http", fmt.Sprintf("name: http\n    config: {snapshot_rate: %d}", snapshotRate))
	}
	c.start()
	leader := c.leader()
	absent := c.others(leader)[0]
	absent.stop()
	fill(t, leader, size)
	before, _ := leader.status()
	watched := leader.watchMemory("transport", "storage")

	started := time.Now()
	absent.start()
	absent.await("to run its plugins", func() bool {
		p := absent.plugin("transport")
		return p != nil && p.GetPid() > 0
	})
	watched = append(watched, absent.watchMemory("transport", "storage")...)
	absent.await("to install a snapshot", func() bool { return strings.Contains(absent.host.Log(), `"snapshot installed"`) })
	took := time.Since(started)
	// The log after the snapshot comes next, which is another matter.
	grown := make([]int64, len(watched))
	for i, m := range watched {
		grown[i] = m.Growth()
	}
	absent.awaitReady()
	after, _ := leader.status()
	if after.GetRole() != "leader" || after.GetTerm() != before.GetTerm() {
		t.Errorf("the leader of term %d is %s in term %d", before.GetTerm(), after.GetRole(), after.GetTerm())
	}
	t.Logf("state of %d MiB, installed %v after the start", size>>20, took.Round(time.Millisecond))
	limit := int64(min(mostGrowth, size*3/4))
	for i, m := range watched {
		t.Logf("%s: %d MiB before, grew by %d MiB", m.What, m.Before>>20, grown[i]>>20)
		if grown[i] > limit && !live.RaceDetector {
			t.Errorf("%s grew by %d MiB, at most %d are allowed", m.What, grown[i]>>20, limit>>20)
		}
	}
	c.stop()
}

// fill writes size bytes of values under keys of their own, and then writes on
// until most of them are in a snapshot after which the log begins: one is only
// due after a write, and not while another is being saved.
func fill(t *testing.T, n *node, size int) {
	t.Helper()
	const value, writers = 512 << 10, 4
	client := n.dial()
	put := func(i int64) bool {
		data := make([]byte, value)
		_, _ = rand.NewChaCha8([32]byte{byte(i), byte(i >> 8)}).Read(data)
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_, err := client.Propose(ctx, kv.EncodePut([]byte(fmt.Sprintf("large/%d", i)), data))
		if err != nil {
			t.Errorf("put %d: %v", i, err)
		}
		return err == nil
	}
	var count atomic.Int64
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for i := count.Add(1); int(i) <= size/value && put(i); i = count.Add(1) {
			}
		})
	}
	wg.Wait()
	n.await("to compact its log", func() bool {
		st, ok := n.status()
		if ok && st.GetSnapshotIndex() > uint64(size/value)*3/4 && st.GetFirstIndex() > uint64(size/value)/2 {
			return true
		}
		put(1)
		return false
	})
}
