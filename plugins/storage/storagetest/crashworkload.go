package storagetest

import (
	"bytes"
	"context"
	"errors"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// CrashWorkload drives a store through everything that it can do, and keeps its
// History, by which a test that crashes the machine at any point judges what is
// left. It is not safe for concurrent use.
type CrashWorkload struct {
	// Store is the store that was opened last.
	Store storage.Storage
	// Log is what the log has if all that was asked for is done.
	Log     CrashLog
	History *CrashHistory
	open    func() (storage.Storage, storage.State, error)
}

// NewCrashWorkload is one that opens its store by open.
func NewCrashWorkload(open func() (storage.Storage, storage.State, error)) *CrashWorkload {
	return &CrashWorkload{History: NewCrashHistory(), open: open}
}

// Run does the steps, until the first error.
func (w *CrashWorkload) Run(steps []func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// Script is a workload in which everything happens once. A backend's own steps
// come in the midst: early with an open segment, late before the log grows.
func (w *CrashWorkload) Script(early, late func() error) []func() error {
	large := func(term uint64, n int) func() error {
		return func() error { return w.Append(true, w.Batch(w.Log.Last()+1, 2, term, n)) }
	}
	return []func() error{
		w.Open,
		func() error { return w.Append(true, storage.Batch{HardState: storage.HardState{Term: 1, Vote: 2}}) },
		func() error { return w.Append(true, w.Batch(1, 3, 1, 40)) },
		func() error {
			return w.Append(true, w.Batch(4, 4, 1, 300), w.Batch(6, 1, 2, 10), w.Batch(7, 3, 2, 700))
		},
		func() error { return w.Commit(5, false) },
		large(2, 3000),
		early,
		func() error { return w.Commit(9, true) },
		large(3, 4000), // on to the next segment
		func() error { return w.Save(8) },
		func() error { return w.Compact(6) },
		w.Reopen,
		func() error { return w.Append(true, w.Batch(10, 2, 4, 900)) },
		late,
		large(4, 5000),
		large(4, 5000),
		func() error { return w.Commit(14, false) },
		func() error { return w.Save(13) },
		func() error { return w.Save(14) },
		func() error { return w.Compact(13) },
		w.Overrule,
		w.Reopen,
		func() error { return w.Install(40, 9) },
		func() error { return w.Append(true, w.Batch(41, 5, 9, 100)) },
		func() error { return w.Install(90, 10) },
		w.Reopen,
		func() error { return w.Append(true, w.Batch(91, 1, 10, 2000), w.Batch(92, 1, 10, 2000)) },
		w.Close,
	}
}

// Open opens the store.
func (w *CrashWorkload) Open() error {
	s, state, err := w.open()
	if err != nil {
		return err
	}
	w.Store = s
	return w.History.Opened(state.StoreID)
}

// Close closes the store.
func (w *CrashWorkload) Close() error {
	if err := w.Store.Close(context.Background()); err != nil {
		return err
	}
	w.History.Ack()
	return nil
}

// Reopen closes the store and opens it again.
func (w *CrashWorkload) Reopen() error {
	if err := w.Close(); err != nil {
		return err
	}
	return w.Open()
}

// Batch makes n entries of size bytes.
func (w *CrashWorkload) Batch(first, n, term uint64, size int) storage.Batch {
	b := storage.Batch{HardState: storage.HardState{Term: term, Vote: 1, Commit: w.Log.Hard.Commit}}
	for i := range n {
		data := bytes.Repeat([]byte{byte(first + i), byte(term), 0xd7}, size/3+1)
		b.Entries = append(b.Entries, storage.Entry{Index: first + i, Term: term, Data: data[:size]})
	}
	return b
}

// Append appends batches, with a sync or without.
func (w *CrashWorkload) Append(sync bool, batches ...storage.Batch) error {
	for i := range batches {
		batches[i].MustSync = sync
		w.Log = w.Log.With(batches[i])
		w.History.Intend(w.Log)
	}
	if err := w.Store.Append(context.Background(), batches); err != nil {
		return err
	}
	if sync {
		w.History.Ack()
	}
	return nil
}

// Commit moves the commit index.
func (w *CrashWorkload) Commit(index uint64, sync bool) error {
	hs := w.Log.Hard
	hs.Commit = index
	return w.Append(sync, storage.Batch{HardState: hs})
}

// Overrule replaces all that is not committed, which goes on into another
// segment, by an entry of the term before it, as a leader does whose log ends
// in an older term, and compacts the log exactly to there.
func (w *CrashWorkload) Overrule() error {
	for range 3 {
		if err := w.Append(true, w.Batch(w.Log.Last()+1, 2, w.Log.Hard.Term+1, 2800)); err != nil {
			return err
		}
	}
	end := max(w.Log.Hard.Commit, w.Log.Base.Index)
	b := w.Batch(end+1, 2, max(w.Log.Term(end), 1), 300)
	b.HardState.Term = w.Log.Hard.Term + 1
	if err := w.Append(true, b); err != nil || end == w.Log.Base.Index {
		return err
	}
	if end > w.History.Newest() {
		if err := w.Save(end); err != nil {
			return err
		}
	}
	return w.Compact(end)
}

func (w *CrashWorkload) write(m storage.SnapshotMetadata, received bool) error {
	sw, err := w.Store.CreateSnapshot(context.Background(), m, received)
	if err != nil {
		return err
	}
	if _, err := sw.Write(snapshotContent(m.Index)); err != nil {
		return errors.Join(err, sw.Abort())
	}
	_, err = sw.Commit()
	return err
}

// Save saves a snapshot of the node's own.
func (w *CrashWorkload) Save(index uint64) error {
	w.History.Snapshot(index, false)
	if err := w.write(storage.SnapshotMetadata{Index: index, Term: w.Log.Term(index)}, false); err != nil {
		return err
	}
	w.History.Snapshot(index, true)
	return nil
}

// Compact gives up the log up to index.
func (w *CrashWorkload) Compact(index uint64) error {
	w.Log = w.Log.Compacted(index)
	w.History.Intend(w.Log)
	if _, err := w.Store.Compact(context.Background(), index); err != nil {
		return err
	}
	w.History.Ack()
	return nil
}

// Install receives a snapshot and installs it.
func (w *CrashWorkload) Install(index, term uint64) error {
	if err := w.write(storage.SnapshotMetadata{Index: index, Term: term}, true); err != nil {
		return err
	}
	hs := storage.HardState{Term: term, Vote: 3, Commit: index}
	w.Log = CrashLog{Hard: hs, Base: storage.TermBoundary{Index: index, Term: term}}
	w.History.Intend(w.Log)
	w.History.Snapshot(index, false)
	if err := w.Store.InstallSnapshot(context.Background(), index, hs); err != nil {
		return err
	}
	w.History.Ack()
	w.History.Snapshot(index, true)
	return nil
}
