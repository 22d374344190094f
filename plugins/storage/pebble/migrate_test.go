//go:build linux

package pebble_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/pebble"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
)

// TestMigrateACompactedLog: entries that the oldest snapshot that reaches the
// log does not have are copied, with both snapshots and the vote.
func TestMigrateACompactedLog(t *testing.T) {
	d, ctx := deploy(t), t.Context()
	dir := filepath.Join(d.data(0), "storage")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	opts := plugins.Options{ClusterID: 0xc1, NodeID: 1, Group: 1, DataDir: dir, Limits: plugins.DefaultLimits()}
	s := wal.New(testEnv(t))
	if _, err := s.Open(ctx, opts); err != nil {
		t.Fatal(err)
	}
	b := storage.Batch{HardState: storage.HardState{Term: 4, Vote: 3, Commit: 11}, MustSync: true}
	for i := range uint64(12) {
		b.Entries = append(b.Entries, storage.Entry{Index: i + 1, Term: 1 + i/5, Data: fmt.Appendf(nil, "entry %d", i+1)})
	}
	if err := s.Append(ctx, []storage.Batch{b}); err != nil {
		t.Fatal(err)
	}
	for index, term := range map[uint64]uint64{5: 1, 9: 2} {
		w, err := s.CreateSnapshot(ctx, storage.SnapshotMetadata{Index: index, Term: term, ConfState: storage.ConfState{Voters: []uint64{1, 3}}}, false)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(w, "snapshot %d", index)
		if _, err := w.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Compact(ctx, 3); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	args := []string{"storage", "migrate", "--config", d.configure(0, "name: wal"), "--to", "pebble", "--command", d.plugin, "--sha256", d.digest}
	// The files of an interrupted migration do not stop the next one.
	if err := os.MkdirAll(filepath.Join(dir+".pebble.new", "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(d.host, args...).CombinedOutput(); err != nil {
		t.Fatalf("migrate: %v\n%s", err, out)
	}
	p := pebble.New(testEnv(t))
	state, err := p.Open(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(ctx)
	if state.FirstIndex != 6 || state.LastIndex != 12 || state.HardState != b.HardState || len(state.Snapshots) != 2 {
		t.Errorf("the copy has %+v", state)
	}
	entries, err := p.Read(ctx, 6, 13, 1<<20)
	if err != nil || len(entries) != 7 || string(entries[6].Data) != "entry 12" || entries[6].Term != 3 {
		t.Errorf("entries %v, %v", entries, err)
	}
	for _, index := range []uint64{5, 9} {
		r, err := p.OpenSnapshot(ctx, index)
		if err != nil {
			t.Fatal(err)
		}
		if content, err := io.ReadAll(r); err != nil || string(content) != fmt.Sprintf("snapshot %d", index) {
			t.Errorf("snapshot %d: %q, %v", index, content, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	out, err := exec.Command(d.host, args...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "pebble") {
		t.Errorf("migrate again: %v\n%s", err, out)
	}
}
