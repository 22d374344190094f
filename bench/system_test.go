package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// TestMain lets the test binary be an etcd node, as the program itself can be.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == etcdNodeMode {
		main()
	}
	os.Exit(m.Run())
}

// TestEverySystemIsMeasured runs the whole program, shortly, on real clusters.
func TestEverySystemIsMeasured(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts a real cluster of each system")
	}
	for _, name := range systemNames() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var stdout, stderr bytes.Buffer
			args := []string{"-systems", name, "-clients", "2", "-duration", "1s", "-warmup", "100ms", "-data-dir", dir, "-o", "json"}
			if code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr); code != exitOK {
				t.Fatalf("exit code %d: %s", code, stderr.String())
			}
			var r report
			if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
				t.Fatal(err)
			}
			if len(r.Results) != 1 || r.Results[0].OpsPerSecond <= 0 || r.Results[0].P99MS < r.Results[0].P50MS {
				t.Errorf("results = %+v", r.Results)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
				t.Errorf("the data directory is not empty afterwards: %v, %v", left, err)
			}
		})
	}
}

func TestAnEtcdNodeThatEndsIsReportedWithItsOutput(t *testing.T) {
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	node, err := startProcess("etcd node n1", executable, etcdNodeMode, "-no-such-flag")
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-node.done:
	case <-time.After(30 * time.Second):
		t.Fatal("the node runs on")
	}
	if err := node.exited(); err == nil || !strings.Contains(err.Error(), "no-such-flag") {
		t.Errorf("error = %v, want one with the node's own words", err)
	}
	if err := node.stop(); err != nil {
		t.Errorf("stop after the end: %v", err)
	}
}

func TestHashicorpStoreSurvivesASnapshot(t *testing.T) {
	store := newHashicorpStore()
	for _, key := range []string{"a", "b", ""} {
		if err := store.Apply(&raft.Log{Data: encodeWrite([]byte(key), []byte("value of "+key))}); err != nil {
			t.Fatal(err)
		}
	}
	snapshot, err := store.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	snapshots := raft.NewInmemSnapshotStore()
	sink, err := snapshots.Create(raft.SnapshotVersionMax, 3, 1, raft.Configuration{}, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := snapshot.Persist(sink); err != nil {
		t.Fatal(err)
	}
	_, saved, err := snapshots.Open(sink.ID())
	if err != nil {
		t.Fatal(err)
	}
	restored := newHashicorpStore()
	if err := restored.Restore(saved); err != nil {
		t.Fatal(err)
	}
	if got := string(restored.values["b"]); len(restored.values) != 3 || got != "value of b" {
		t.Errorf("restored %d values, b = %q", len(restored.values), got)
	}
}

func TestHashicorpStoreRefusesWhatIsNoWrite(t *testing.T) {
	for _, data := range [][]byte{nil, {5, 'a'}, {0xff}} {
		if answer := newHashicorpStore().Apply(&raft.Log{Index: 7, Data: data}); answer == nil {
			t.Errorf("Apply(%v) accepts it", data)
		}
	}
}

func TestUnknownSystem(t *testing.T) {
	if _, err := newSystem("zookeeper", cluster{}); err == nil || !strings.Contains(err.Error(), nameEtcd) {
		t.Errorf("error = %v, want one that lists the known systems", err)
	}
}

func TestInterruptedRunLeavesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts a real cluster of each system")
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	args := []string{"-systems", nameEtcd, "-clients", "4", "-duration", "10m", "-data-dir", dir}
	if code := run(ctx, args, strings.NewReader(""), new(bytes.Buffer), new(bytes.Buffer)); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("the data directory is not empty afterwards: %v, %v", left, err)
	}
}
