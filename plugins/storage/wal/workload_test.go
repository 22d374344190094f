package wal

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/vfs"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// workload drives a store over fs through everything that it can do.
type workload struct {
	fs *vfs.Mem
	s  *store
	h  *history
	im image
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
	w := &workload{fs: fs, h: &history{snapshots: map[uint64]bool{}}}
	w.h.intend(w.im)
	return w
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

// run does all of it, until the first error.
func (w *workload) run() error {
	for _, step := range w.script() {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (w *workload) script() []func() error {
	large := func(term uint64, n int) func() error {
		return func() error { return w.append(true, w.batch(w.im.last()+1, 2, term, n)) }
	}
	return []func() error{
		w.open,
		func() error { return w.append(true, storage.Batch{HardState: storage.HardState{Term: 1, Vote: 2}}) },
		func() error { return w.append(true, w.batch(1, 3, 1, 40)) },
		func() error {
			return w.append(true, w.batch(4, 4, 1, 300), w.batch(6, 1, 2, 10), w.batch(7, 3, 2, 700))
		},
		func() error { return w.commit(5, false) },
		large(2, 3000),
		w.ballast,
		func() error { return w.commit(9, true) },
		large(3, 4000), // on to the next segment
		func() error { return w.save(8) },
		func() error { return w.compact(6) },
		w.reopen,
		func() error { return w.append(true, w.batch(10, 2, 4, 900)) },
		w.prepare,
		large(4, 5000),
		large(4, 5000),
		func() error { return w.commit(14, false) },
		func() error { return w.save(13) },
		func() error { return w.save(14) },
		func() error { return w.compact(13) },
		w.overrule,
		w.reopen,
		func() error { return w.install(40, 6) },
		func() error { return w.append(true, w.batch(41, 5, 6, 100)) },
		func() error { return w.install(90, 7) },
		w.reopen,
		func() error { return w.append(true, w.batch(91, 1, 7, 2000), w.batch(92, 1, 7, 2000)) },
		w.close,
	}
}

func (w *workload) open() (err error) {
	dir, err := home(w.fs, w.at)
	if err != nil {
		return err
	}
	var state storage.State
	if w.s, state, err = openWith(dir, cmp.Or(w.config, smallSegments)); err != nil {
		return err
	}
	return w.h.opened(state.StoreID)
}

func (w *workload) close() error {
	if err := w.s.Close(context.Background()); err != nil {
		return err
	}
	w.h.ack()
	return nil
}

func (w *workload) reopen() error {
	if err := w.close(); err != nil {
		return err
	}
	return w.open()
}

// batch makes n entries of size bytes.
func (w *workload) batch(first, n, term uint64, size int) storage.Batch {
	b := storage.Batch{HardState: storage.HardState{Term: term, Vote: 1, Commit: w.im.hard.Commit}}
	for i := range n {
		data := bytes.Repeat([]byte{byte(first + i), byte(term), 0xd7}, size/3+1)
		b.Entries = append(b.Entries, storage.Entry{Index: first + i, Term: term, Data: data[:size]})
	}
	return b
}

func (w *workload) append(sync bool, batches ...storage.Batch) error {
	for i := range batches {
		batches[i].MustSync = sync
		w.im = w.im.with(batches[i])
		w.h.intend(w.im)
	}
	if err := w.s.Append(context.Background(), batches); err != nil {
		return err
	}
	if sync {
		w.h.ack()
	}
	return nil
}

func (w *workload) commit(index uint64, sync bool) error {
	hs := w.im.hard
	hs.Commit = index
	return w.append(sync, storage.Batch{HardState: hs})
}

// overrule replaces all that is not committed, which goes on into another
// segment, by an entry of the term before it, as a leader does whose log ends
// in an older term, and compacts the log exactly to there.
func (w *workload) overrule() error {
	for range 3 {
		if err := w.append(true, w.batch(w.im.last()+1, 2, w.im.hard.Term+1, 2800)); err != nil {
			return err
		}
	}
	end := max(w.im.hard.Commit, w.im.base.Index)
	b := w.batch(end+1, 2, max(w.im.term(end), 1), 300)
	b.HardState.Term = w.im.hard.Term + 1
	if err := w.append(true, b); err != nil || end == w.im.base.Index {
		return err
	}
	if end > w.newestSnapshot() {
		if err := w.save(end); err != nil {
			return err
		}
	}
	return w.compact(end)
}

func (w *workload) write(m storage.SnapshotMetadata, received bool) error {
	sw, err := w.s.CreateSnapshot(context.Background(), m, received)
	if err != nil {
		return err
	}
	if _, err := sw.Write(bytes.Repeat([]byte{byte(m.Index)}, 1500)); err != nil {
		return errors.Join(err, sw.Abort())
	}
	_, err = sw.Commit()
	return err
}

func (w *workload) save(index uint64) error {
	w.h.snapshot(index, false)
	if err := w.write(storage.SnapshotMetadata{Index: index, Term: w.im.term(index)}, false); err != nil {
		return err
	}
	w.h.snapshot(index, true)
	return nil
}

func (w *workload) compact(index uint64) error {
	w.im = w.im.compacted(index)
	w.h.intend(w.im)
	if _, err := w.s.Compact(context.Background(), index); err != nil {
		return err
	}
	w.h.ack()
	return nil
}

func (w *workload) install(index, term uint64) error {
	if err := w.write(storage.SnapshotMetadata{Index: index, Term: term}, true); err != nil {
		return err
	}
	hs := storage.HardState{Term: term, Vote: 3, Commit: index}
	w.im = image{hard: hs, base: storage.TermBoundary{Index: index, Term: term}}
	w.h.intend(w.im)
	w.h.snapshot(index, false)
	if err := w.s.InstallSnapshot(context.Background(), index, hs); err != nil {
		return err
	}
	w.h.ack()
	w.h.snapshot(index, true)
	return nil
}

// findings are what was in a store that was opened.
type findings struct {
	log       string // an image
	snapshots []uint64
	store     uint64
}

// found opens a store over fs, reads all of it and kills it.
func found(fs vfs.FS) (log string, snapshots []uint64, err error) {
	f, err := examine(fs)
	return f.log, f.snapshots, err
}

// examine is found with all that was found.
func examine(fs vfs.FS) (f findings, err error) {
	s, st, err := openOn(fs)
	if err != nil {
		return findings{}, err
	}
	defer s.kill()
	im := image{hard: st.HardState, base: st.Terms[0]}
	if st.LastIndex >= st.FirstIndex {
		if im.entries, err = s.Read(context.Background(), st.FirstIndex, st.LastIndex+1, 1<<30); err != nil {
			return findings{}, err
		}
	}
	if got, want := fmt.Sprint(st.Terms), fmt.Sprint(im.terms()); got != want {
		return findings{}, fmt.Errorf("term boundaries %s, the entries have %s", got, want)
	}
	f = findings{log: im.String(), store: st.StoreID}
	for _, info := range st.Snapshots {
		f.snapshots = append(f.snapshots, info.Metadata.Index)
		if err := readWhole(s, info.Metadata.Index); err != nil {
			return findings{}, err
		}
	}
	return f, nil
}

// readWhole compares a snapshot with what workload.write wrote.
func readWhole(s *store, index uint64) error {
	r, err := s.OpenSnapshot(context.Background(), index)
	if err != nil {
		return err
	}
	content, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	if want := bytes.Repeat([]byte{byte(index)}, 1500); !bytes.Equal(content, want) {
		return fmt.Errorf("snapshot %d has other content", index)
	}
	return nil
}

func TestWorkloadRuns(t *testing.T) {
	w := newWorkload(vfs.NewMem())
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if state, _, err := found(w.fs); err != nil || state != w.im.String() {
		t.Fatalf("found %s, %v\nwant %s", state, err, w.im)
	}
}
