package storagetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// patience bounds calls that may hang in a broken store. It does not judge
// speed: a sound store answers at once.
const patience = time.Minute

// Harness says how stores are made in one lane.
type Harness struct {
	// New returns a store that works on the data in dir and is not open yet.
	// It is called again for the same dir to reopen it; also while another
	// store has it open. It ends all that it starts by t.Cleanup.
	New func(t testing.TB, dir string) storage.Storage

	// Kill ends an open store without Close, as kill -9 or a power cut would,
	// and returns when its lock is free. Nil leaves out the tests that need
	// it, which says so.
	Kill func(t testing.TB, s storage.Storage)

	// Fill makes the disk under a store's directory short of space, or puts an
	// end to that. Nil leaves out the tests that need it, which says so.
	Fill func(t testing.TB, dir string, full bool)

	// Stall makes every sync of a log wait, from now until resume is called. stalled is
	// closed when one of them waits. Nil leaves out the test that needs it, which says so.
	Stall func(t testing.TB, dir string) (stalled <-chan struct{}, resume func())

	// Wipe takes everything out of a store's directory, as if its disk were
	// another one. Nil removes the files in it.
	Wipe func(t testing.TB, dir string)

	// Config is the config section that stores are opened with.
	Config []byte

	// ModelRuns is how many random sequences of operations are tried; 0 means
	// 100. A lane where opening a store is slow wants fewer.
	ModelRuns int
}

// Run runs the whole kit.
func Run(t *testing.T, h Harness) {
	t.Run("Describe", h.testDescribe)
	t.Run("Append", h.testAppend)
	t.Run("InFlight", h.testInFlight)
	t.Run("Conflict", h.testConflict)
	t.Run("HardState", h.testHardState)
	t.Run("Snapshot", h.testSnapshot)
	t.Run("Install", h.testInstall)
	t.Run("Compact", h.testCompact)
	t.Run("Reopen", h.testReopen)
	t.Run("StoreID", h.testStoreID)
	t.Run("Lock", h.testLock)
	t.Run("Limits", h.testLimits)
	t.Run("Space", h.testSpace)
	t.Run("Concurrent", h.testConcurrent)
	t.Run("Model", h.testModel)
}

// testDescribe: a store describes itself as the host demands, and alike before and after
// Open.
func (h Harness) testDescribe(t *testing.T) {
	rule.Checks(t, "P-10", "P-11", "P-12", "SM-43", "SM-45")
	var before plugins.Info
	made := h.New
	h.New = func(t testing.TB, dir string) storage.Storage {
		s := made(t, dir)
		before = s.Describe()
		return s
	}
	se := h.start(t)
	if before.Kind != plugins.Storage || before.Version == "" {
		t.Errorf("Describe = %+v, want kind storage and a version", before)
	}
	if err := pluginrpc.CheckInfo(before); err != nil {
		t.Errorf("Describe: %v", err)
	}
	if after := se.s.Describe(); !reflect.DeepEqual(before, after) {
		t.Errorf("Describe changed with Open: %+v, then %+v", before, after)
	}
}

// newDir returns a directory as a host makes it for a plugin.
func newDir(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "storage")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// session is a store and the directory under it. Its methods fail the test on
// any error that they do not return.
type session struct {
	t     testing.TB
	h     Harness
	opts  plugins.Options
	s     storage.Storage
	state storage.State // of the last Open
}

// start opens a new store.
func (h Harness) start(t testing.TB) *session {
	t.Helper()
	return h.begin(t, func(*session) {})
}

// begin is start with other options.
func (h Harness) begin(t testing.TB, change func(*session)) *session {
	t.Helper()
	se := &session{t: t, h: h, opts: plugins.Options{
		Config:    h.Config,
		ClusterID: 0xc1, NodeID: 0xa1, NodeName: "n1",
		Group:       1,
		Incarnation: 1,
		DataDir:     newDir(t),
		Limits:      plugins.DefaultLimits(),
		Tick:        100 * time.Millisecond,
		Election:    time.Second,
	}}
	change(se)
	se.open()
	t.Cleanup(func() {
		if err := se.s.Close(se.ctx()); err != nil && !t.Failed() {
			t.Errorf("Close: %v", err)
		}
	})
	return se
}

// ctx is alive during Cleanup too.
func (se *session) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(se.t.Context()), patience)
	se.t.Cleanup(cancel)
	return ctx
}

func (se *session) open() {
	se.t.Helper()
	se.s = se.h.New(se.t, se.opts.DataDir)
	var err error
	if se.state, err = se.s.Open(se.ctx(), se.opts); err != nil {
		se.t.Fatalf("Open: %v", err)
	}
	se.checkState()
}

// checkState checks what holds of every answer of Open.
func (se *session) checkState() {
	se.t.Helper()
	st := se.state
	if st.StoreID == 0 {
		se.t.Fatal("Open: a store without an id")
	}
	if st.FirstIndex < 1 || st.LastIndex+1 < st.FirstIndex {
		se.t.Fatalf("Open: a log of [%d,%d]", st.FirstIndex, st.LastIndex)
	}
	if c := st.HardState.Commit; c < st.FirstIndex-1 || c > st.LastIndex {
		se.t.Fatalf("Open: commit %d in a log of [%d,%d]", c, st.FirstIndex, st.LastIndex)
	}
	if len(st.Terms) == 0 || st.Terms[0].Index != st.FirstIndex-1 {
		se.t.Fatalf("Open: terms %v of a log that begins at %d", st.Terms, st.FirstIndex)
	}
	for i, b := range st.Terms[1:] {
		if b.Index <= st.Terms[i].Index || b.Term <= st.Terms[i].Term || b.Index > st.LastIndex {
			se.t.Fatalf("Open: terms %v in a log that ends at %d", st.Terms, st.LastIndex)
		}
	}
	for i, s := range st.Snapshots {
		if i > 0 && s.Metadata.Index <= st.Snapshots[i-1].Metadata.Index {
			se.t.Fatalf("Open: snapshots are not in order: %v", st.Snapshots)
		}
	}
}

// reopen closes the store and opens another over the same data.
func (se *session) reopen() {
	se.t.Helper()
	if err := se.s.Close(se.ctx()); err != nil {
		se.t.Fatalf("Close: %v", err)
	}
	se.opts.Incarnation++
	se.open()
}

// wipe closes the store, empties its directory and opens another one there.
func (se *session) wipe() {
	se.t.Helper()
	if err := se.s.Close(se.ctx()); err != nil {
		se.t.Fatalf("Close: %v", err)
	}
	if se.h.Wipe != nil {
		se.h.Wipe(se.t, se.opts.DataDir)
	} else {
		removeFiles(se.t, se.opts.DataDir)
	}
	se.opts.Incarnation++
	se.open()
}

func removeFiles(t testing.TB, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err == nil && len(files) == 0 {
		t.Fatalf("there is nothing in %s: this lane needs a Wipe", dir)
	}
	for _, f := range files {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, f.Name())))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// crash kills the store and opens another over what is left.
func (se *session) crash() {
	se.t.Helper()
	se.h.Kill(se.t, se.s)
	se.opts.Incarnation++
	se.open()
}

// restarts runs f with each way of ending a store that the lane has.
func (h Harness) restarts(t *testing.T, f func(t *testing.T, restart func(*session))) {
	t.Run("Close", func(t *testing.T) { f(t, (*session).reopen) })
	t.Run("Kill", func(t *testing.T) {
		if h.Kill == nil {
			t.Skip("this lane cannot kill a store")
		}
		f(t, (*session).crash)
	})
}
