package wal

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/vfs"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// image is what a log must contain at some moment.
type image struct {
	hard    storage.HardState
	base    storage.TermBoundary
	entries []storage.Entry
}

func (im image) last() uint64 { return im.base.Index + uint64(len(im.entries)) }

func (im image) term(index uint64) uint64 {
	if index == im.base.Index {
		return im.base.Term
	}
	return im.entries[index-im.base.Index-1].Term
}

// terms are the boundaries that Open must answer.
func (im image) terms() []storage.TermBoundary {
	terms := []storage.TermBoundary{im.base}
	for _, e := range im.entries {
		if e.Term != terms[len(terms)-1].Term {
			terms = append(terms, storage.TermBoundary{Index: e.Index, Term: e.Term})
		}
	}
	return terms
}

func (im image) with(b storage.Batch) image {
	if len(b.Entries) > 0 {
		keep := b.Entries[0].Index - im.base.Index - 1
		im.entries = append(im.entries[:keep:keep], b.Entries...)
	}
	if b.HardState != (storage.HardState{}) {
		im.hard = b.HardState
	}
	return im
}

func (im image) compacted(index uint64) image {
	term := im.entries[index-im.base.Index-1].Term
	im.entries = im.entries[index-im.base.Index:]
	im.base = storage.TermBoundary{Index: index, Term: term}
	return im
}

// String is equal for equal logs, and what a failed test shows.
func (im image) String() string {
	im.hard.Commit = max(im.hard.Commit, im.base.Index)
	var b strings.Builder
	fmt.Fprintf(&b, "term %d vote %d commit %d, behind %d/%d:", im.hard.Term, im.hard.Vote, im.hard.Commit, im.base.Index, im.base.Term)
	for _, e := range im.entries {
		fmt.Fprintf(&b, " %d/%d:%x", e.Index, e.Term, checksum(e.Data))
	}
	return b.String()
}

// history is what a workload has asked for and what was acknowledged.
type history struct {
	mu sync.Mutex
	// states are the logs after each step; a crash may leave any from acked
	// on.
	states []string
	acked  int
	// snapshots by index: true once acknowledged. Only the newest two
	// acknowledged ones must be there.
	snapshots map[uint64]bool
}

func (h *history) intend(im image) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.states = append(h.states, im.String())
}

// ack says that all that was intended is durable.
func (h *history) ack() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acked = len(h.states) - 1
}

func (h *history) snapshot(index uint64, acked bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.snapshots[index] = acked
}

// bounds returns which states are possible, and which snapshots must be there.
func (h *history) bounds() (acked int, mustHave []uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	newest, second := uint64(0), uint64(0)
	for index, acked := range h.snapshots {
		switch {
		case !acked:
		case index > newest:
			newest, second = index, newest
		case index > second:
			second = index
		}
	}
	inFlight := 0
	for _, acked := range h.snapshots {
		if !acked {
			inFlight++
		}
	}
	if newest > 0 {
		mustHave = append(mustHave, newest)
	}
	if second > 0 && inFlight == 0 {
		mustHave = append(mustHave, second)
	}
	return h.acked, mustHave
}

func (h *history) possible(acked int, state string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.states[acked:] {
		if s == state {
			return true
		}
	}
	return false
}

// workload drives a store over fs through everything that it can do.
type workload struct {
	fs *vfs.Mem
	s  *store
	h  *history
	im image
	// config is the section to open with; empty means smallSegments.
	config string
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
		func() error { return w.commit(9, true) },
		large(3, 4000), // on to the next segment
		func() error { return w.save(8) },
		func() error { return w.compact(6) },
		w.reopen,
		func() error { return w.append(true, w.batch(10, 2, 4, 900)) },
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
	w.s, _, err = openWith(w.fs, cmp.Or(w.config, smallSegments))
	return err
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

// found opens a store over fs, reads all of it and kills it.
func found(fs vfs.FS) (state string, snapshots []uint64, err error) {
	s, st, err := openOn(fs)
	if err != nil {
		return "", nil, err
	}
	defer s.kill()
	im := image{hard: st.HardState, base: st.Terms[0]}
	if st.LastIndex >= st.FirstIndex {
		if im.entries, err = s.Read(context.Background(), st.FirstIndex, st.LastIndex+1, 1<<30); err != nil {
			return "", nil, err
		}
	}
	if got, want := fmt.Sprint(st.Terms), fmt.Sprint(im.terms()); got != want {
		return "", nil, fmt.Errorf("term boundaries %s, the entries have %s", got, want)
	}
	for _, info := range st.Snapshots {
		snapshots = append(snapshots, info.Metadata.Index)
		r, err := s.OpenSnapshot(context.Background(), info.Metadata.Index)
		if err != nil {
			return "", nil, err
		}
		content, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			return "", nil, err
		}
		if want := bytes.Repeat([]byte{byte(info.Metadata.Index)}, 1500); !bytes.Equal(content, want) {
			return "", nil, fmt.Errorf("snapshot %d has other content", info.Metadata.Index)
		}
	}
	return im.String(), snapshots, nil
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
