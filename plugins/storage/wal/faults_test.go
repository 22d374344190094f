package wal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// TestErrorSites makes every call of a workload fail once, in every way. After
// the failure nothing more may be acknowledged by a log that could not be
// written, nothing is written or synced through the descriptor that failed, and
// what was acknowledged before is found by the next store: in the same machine,
// and after a crash that takes all that was never synced.
func TestErrorSites(t *testing.T) {
	sites, failed := 0, 0
	for _, kind := range vfs.FailableKinds() {
		for _, fault := range []error{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, io.ErrShortWrite} {
			if fault == io.ErrShortWrite && kind != vfs.OpWrite {
				continue
			}
			for n := 1; ; n++ {
				w := newWorkload(vfs.NewMem())
				watch := &retryWatch{kind: kind, n: n}
				w.fs.OnOp(watch.see)
				w.fs.FailNth(kind, n, fault)
				err := w.run()
				if watch.seen() < n {
					break // the workload has no n-th call of this kind
				}
				sites++
				if err != nil {
					failed++
				}
				what := fmt.Sprintf("%v at %s number %d", fault, kind, n)
				checkAfterFault(t, w, what, err, fault, watch)
				if t.Failed() {
					return
				}
			}
		}
	}
	t.Logf("%d error sites, %d of them ended the workload: no acknowledgement was lost, no descriptor used again", sites, failed)
}

// retryWatch sees the n-th call of a kind, which fails, and what is done to the
// same descriptor after it.
type retryWatch struct {
	kind vfs.OpKind
	n    int

	mu      sync.Mutex // the background does calls too
	count   int
	suspect string // file whose write or sync failed, until it is opened anew
	retries []vfs.Op
}

func (r *retryWatch) see(op vfs.Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	writes := op.Kind == vfs.OpWrite || op.Kind == vfs.OpSync || op.Kind == vfs.OpSyncAll
	switch {
	case op.Name != r.suspect:
	case op.Kind == vfs.OpCreate || op.Kind == vfs.OpOpen:
		r.suspect = ""
	case writes:
		r.retries = append(r.retries, op)
	}
	if op.Kind == r.kind {
		if r.count++; r.count == r.n && writes {
			r.suspect = op.Name
		}
	}
}

func (r *retryWatch) seen() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

func checkAfterFault(t *testing.T, w *workload, what string, err, fault error, watch *retryWatch) {
	t.Helper()
	if err != nil && vfs.IsFull(fault) && errors.Is(err, fault) && !errors.Is(err, storage.ErrNoSpace) {
		t.Errorf("%s: the error is not ErrNoSpace: %v", what, err)
	}
	if err != nil && w.s.IsOpen() && w.s.journal.poison.Health() != nil {
		b := w.Batch(w.Log.Last()+1, 1, w.Log.Hard.Term+1, 10)
		if again := w.s.Append(context.Background(), []storage.Batch{b}); !errors.Is(again, plugins.ErrClosed) {
			t.Errorf("%s: Append afterwards = %v, want ErrClosed", what, again)
		}
	}
	if w.s != nil && w.s.IsOpen() {
		w.s.kill()
	}
	w.fs.OnOp(nil)
	if len(watch.retries) > 0 {
		t.Errorf("%s: the descriptor was used again: %v", what, watch.retries)
	}
	w.fs.Halt()
	acked := w.History.Promised().Acked
	for name, keep := range map[string]vfs.Keep{"the page cache": vfs.KeepAll, "nothing": vfs.KeepNothing} {
		state, _, err := found(w.fs.Crash(keep))
		if err != nil || !w.History.Possible(acked, state) {
			t.Errorf("%s, keeping %s: found %s, %v", what, name, state, err)
		}
	}
}

// TestSalvageAfterAFailedSync: the kernel has marked pages clean that are on
// no disk. A store that opens in the same machine can still read them; the
// state that it then reports must survive a power cut.
func TestSalvageAfterAFailedSync(t *testing.T) {
	for n := 1; n < 12; n++ {
		w := newWorkload(vfs.NewMem())
		w.fs.FailNth(vfs.OpSync, n, syscall.EIO)
		if err := w.run(); err == nil {
			continue
		}
		if w.s.IsOpen() {
			w.s.kill()
		}
		s, state, err := openOn(w.fs)
		if err != nil {
			t.Fatalf("sync %d: Open in the same machine: %v", n, err)
		}
		s.kill()
		after, afterState, err := openOn(w.fs.Crash(vfs.KeepNothing))
		if err != nil {
			t.Fatalf("sync %d: Open after a power cut: %v", n, err)
		}
		after.kill()
		if fmt.Sprint(state) != fmt.Sprint(afterState) {
			t.Errorf("sync %d: Open reported\n%+v\nafter a power cut it is\n%+v", n, state, afterState)
		}
	}
}

// TestPoison: after a failed sync every call but Close is refused, although
// the disk works again.
// Rule ST-17.
func TestPoison(t *testing.T) {
	fs := vfs.NewMem()
	w := newWorkload(fs)
	if err := errors.Join(w.Open(), w.Append(true, w.Batch(1, 3, 1, 10))); err != nil {
		t.Fatal(err)
	}
	fs.FailNth(vfs.OpSync, 1, syscall.EIO)
	if err := w.Append(true, w.Batch(4, 1, 1, 10)); !errors.Is(err, syscall.EIO) {
		t.Fatalf("Append with a failed sync = %v", err)
	}
	ctx := context.Background()
	_, readErr := w.s.Read(ctx, 1, 2, 1)
	_, listErr := w.s.ListSnapshots(ctx)
	for name, err := range map[string]error{
		"Append": w.s.Append(ctx, []storage.Batch{w.Batch(4, 1, 1, 10)}), "Read": readErr, "ListSnapshots": listErr,
	} {
		if !errors.Is(err, plugins.ErrClosed) || !errors.Is(err, syscall.EIO) {
			t.Errorf("%s of a poisoned store = %v, want ErrClosed and its cause", name, err)
		}
	}
	if err := w.s.Close(ctx); err != nil {
		t.Errorf("Close of a poisoned store: %v", err)
	}
}
