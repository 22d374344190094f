package wal

import (
	"cmp"
	"context"
	"fmt"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// workload drives a store over fs through everything that it can do.
type workload struct {
	*storagetest.CrashWorkload
	fs *vfs.Mem
	s  *store // opened last
	// config is the section to open with; empty means smallSegments.
	config string
	// at is the store's directory in fs; empty means its root.
	at string
}

// dataDir is a store's directory below that of a node, which is below one that
// was there before.
const dataDir = "node/storage"

// home does what a host does before it opens a store: it makes the directory.
func home(fs *vfs.Mem, at string) (vfs.FS, error) {
	if at == "" {
		return fs, nil
	}
	return vfs.Sub(fs, at), vfs.MakeDir(fs, at)
}

func newWorkload(fs *vfs.Mem) *workload {
	w := &workload{fs: fs}
	w.CrashWorkload = storagetest.NewCrashWorkload(w.openStore)
	return w
}

func (w *workload) openStore() (storage.Storage, storage.State, error) {
	dir, err := home(w.fs, w.at)
	if err != nil {
		return nil, storage.State{}, err
	}
	var state storage.State
	w.s, state, err = openWith(dir, cmp.Or(w.config, smallSegments))
	return w.s, state, err
}

func testOptions() plugins.Options {
	return plugins.Options{
		Config: []byte(smallSegments), ClusterID: 0xc1, NodeID: 0xa1, Group: 1, DataDir: "mem", Limits: plugins.DefaultLimits(),
	}
}

func openOn(fs vfs.FS) (*store, storage.State, error) { return openWith(fs, smallSegments) }

func openWith(fs vfs.FS, config string) (*store, storage.State, error) {
	s := newStore(backend.Env{}, func(string) (vfs.FS, error) { return fs, nil })
	opts := testOptions()
	opts.Config = []byte(config)
	state, err := s.Open(context.Background(), opts)
	return s, state, err
}

// run does all of the script, until the first error.
func (w *workload) run() error { return w.Run(w.Script(w.ballast, w.prepare)) }

// found opens a store over fs, reads all of it and kills it.
func found(fs vfs.FS) (log string, snapshots []uint64, err error) {
	f, err := examine(fs)
	return f.Log, f.Snapshots, err
}

// examine is found with all that was found.
func examine(fs vfs.FS) (storagetest.CrashFindings, error) {
	s, st, err := openOn(fs)
	if err != nil {
		return storagetest.CrashFindings{}, err
	}
	defer s.kill()
	return storagetest.Examine(s, st)
}

func TestWorkloadRuns(t *testing.T) {
	w := newWorkload(vfs.NewMem())
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if state, _, err := found(w.fs); err != nil || state != w.Log.String() {
		t.Fatalf("found %s, %v\nwant %s", state, err, w.Log)
	}
}

// snapshotName is that of a visible snapshot (docs/formats/snapshot.md).
func snapshotName(index, term uint64) string { return fmt.Sprintf("%016x-%016x.snap", index, term) }
