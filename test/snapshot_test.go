//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// snapshotting makes snapshots and compaction frequent.
func snapshotting() []string {
	return []string{"raft.snapshot_entries=100", "raft.catch_up_entries=10"}
}

// awaitSnapshots waits until the node has taken so many more snapshots, and given up
// log after the last one, if that was not the first: a snapshot is there before the log
// is compacted for it.
func (n *node) awaitSnapshots(more int) {
	n.t.Helper()
	st, _ := n.status()
	last, first, compacts := st.GetSnapshotIndex(), st.GetFirstIndex(), more > 1
	n.await(fmt.Sprintf("to take %d more snapshots", more), func() bool {
		st, ok := n.status()
		if ok && st.GetSnapshotIndex() > last {
			last = st.GetSnapshotIndex()
			more--
		}
		return ok && more <= 0 && (!compacts || st.GetFirstIndex() > first)
	})
}

// A node that was away while the others compacted what it lacks is caught up
// by a snapshot, killed or stopped, and while the log goes on.
func TestAbsentNodeIsCaughtUpBySnapshot(t *testing.T) {
	t.Parallel()
	c := startCluster(t, snapshotting()...)
	load := startWorkload(t, c.nodes...)
	leader := c.leader()
	leader.awaitSnapshots(1)
	for i, n := range c.others(leader) {
		if i == 0 {
			n.kill()
		} else {
			n.stop()
		}
		c.leader().awaitSnapshots(3)
		n.startReady()
		n.await("to install a snapshot", func() bool { return strings.Contains(n.host.Log(), `"snapshot installed"`) })
		load.progress(50)
	}
	load.stop()
	load.history.Check(t, c.agreed())
	c.stop()
}

// The state machine of a node that has compacted its log is rebuilt from the
// snapshot and what follows it: kv keeps nothing of its own.
func TestStateMachineIsRebuiltFromSnapshotAndLog(t *testing.T) {
	t.Parallel()
	c := startCluster(t, snapshotting()...)
	load := startWorkload(t, c.nodes...)
	for _, n := range c.nodes {
		n.awaitSnapshots(2)
		if st, _ := n.status(); st.GetFirstIndex() <= 1 {
			t.Errorf("%s has not compacted its log: it begins at %d", n.name, st.GetFirstIndex())
		}
		n.awaitReplaced(n.signalPlugin("statemachine", syscall.SIGKILL))
		n.await("to restore", func() bool {
			return strings.Contains(n.host.Log(), "restoring the state machine from a snapshot")
		})
		n.awaitReady()
		load.progress(50)
	}
	for _, n := range c.nodes {
		n.kill()
	}
	c.start()
	load.progress(50)
	load.stop()
	load.history.Check(t, c.agreed())
	c.stop()
}

// A disk that is written for long does not fill with files that are not
// needed.
func TestLogOnDiskIsBounded(t *testing.T) {
	n := newSingle(t)
	n.settings = append(snapshotting(), "raft.snapshot_log_bytes=1MiB")
	n.startReady()
	c := &cluster{t: t, nodes: []*node{n}}
	bench := func() {
		c.command("bench", "propose", "--clients", "16", "--size", "65536", "--keys", "10", "--duration", "1s", "--warmup", "0s")
	}
	bench()
	first, _ := n.status()
	for range rounds(4) {
		bench()
	}
	last, _ := n.status()
	if written := last.GetLastIndex() - first.GetLastIndex(); written < 100 {
		t.Fatalf("only %d entries were written", written)
	}
	n.await("to give up what is behind its snapshot", func() bool {
		return dirSize(t, filepath.Join(n.data, "storage")) < 256<<20
	})
	snapshots, err := filepath.Glob(filepath.Join(n.data, "storage", "*snap*"))
	if err != nil || len(snapshots) > 10 {
		t.Errorf("%d snapshots are kept: %v, %v", len(snapshots), snapshots, err)
	}
	n.stop()
	if entries, err := os.ReadDir(n.data); err != nil || len(entries) == 0 {
		t.Errorf("data directory: %v, %v", entries, err)
	}
}
