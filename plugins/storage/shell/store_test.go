package shell_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/shell"
	"github.com/pontoon-raft/pontoon/plugins/storage/snapfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func mustOpen(t *testing.T, b shell.Backend) *shell.Store {
	t.Helper()
	s := shell.New(nil, b)
	opts := plugins.Options{ClusterID: 1, NodeID: 2, Group: 1, DataDir: t.TempDir(), Limits: plugins.DefaultLimits()}
	if _, err := s.Open(context.Background(), opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

// lateShelf fails after the log has the record of an installation.
type lateShelf struct {
	*snapfile.Shelf
	err error
}

func (l lateShelf) Install(index uint64, record func(uint64) error) error {
	return errors.Join(l.Shelf.Install(index, record), l.err)
}

// An installation that fails after its record poisons the store, for its log begins
// at a snapshot that is not there. One that fails before does not.
func TestAnInstallationThatFailsLate(t *testing.T) {
	ctx, b := context.Background(), fileBackend()
	b.Snapshots = func(p shell.Place) shell.Snapshots { return lateShelf{snapfile.New(p.FS, p.Logger), syscall.ENOSPC} }
	s := mustOpen(t, b)
	if err := s.InstallSnapshot(ctx, 7, storage.HardState{}); !errors.Is(err, storage.ErrNoSnapshot) {
		t.Errorf("install what is not there: %v", err)
	}
	if _, err := s.ListSnapshots(ctx); err != nil {
		t.Fatalf("the store does not go on: %v", err)
	}
	w, err := s.CreateSnapshot(ctx, storage.SnapshotMetadata{Index: 7, Term: 2}, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := s.InstallSnapshot(ctx, 7, storage.HardState{}); !errors.Is(err, storage.ErrNoSpace) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("install on a full disk: %v, want ErrNoSpace and its cause", err)
	}
	if _, err := s.ListSnapshots(ctx); !errors.Is(err, plugins.ErrClosed) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("after it: %v, want ErrClosed with the cause", err)
	}
}

// slowLog waits in Append, or in the recovery of a log.
type slowLog struct {
	shell.Log
	began, goOn chan struct{}
}

func (l *slowLog) wait() {
	l.began <- struct{}{}
	<-l.goOn
}

func (l *slowLog) Append(batches []storage.Batch) error {
	l.wait()
	return l.Log.Append(batches)
}

func slow(inOpen bool) (shell.Backend, *slowLog) {
	b, l := fileBackend(), &slowLog{began: make(chan struct{}), goOn: make(chan struct{})}
	b.Configure = func([]byte) (shell.Recover, error) {
		return func(p shell.Place) (_ shell.Log, state storage.State, err error) {
			l.Log, state, err = openFileLog(p)
			if inOpen {
				l.wait()
			}
			return l, state, err
		}, nil
	}
	return b, l
}

// Close waits for calls in flight; the lock is held until then, whatever becomes of
// the context, and each Close has the same end.
func TestCloseWaitsForCalls(t *testing.T) {
	b, l := slow(false)
	s := mustOpen(t, b)
	appended := make(chan error, 1)
	go func() {
		appended <- s.Append(context.Background(), []storage.Batch{{Entries: []storage.Entry{{Index: 1, Term: 1}}, MustSync: true}})
	}()
	<-l.began
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Close(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Close under an append = %v, want the context's end", err)
	}
	if _, err := s.Read(context.Background(), 1, 1, 1); !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("Read after Close = %v", err)
	}
	again := shell.New(nil, fileBackend())
	if _, err := again.Open(context.Background(), plugins.Options{ClusterID: 1, NodeID: 2, Group: 1, DataDir: l.Log.(*fileLog).dir}); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("Open while the append runs = %v, want ErrLocked", err)
	}
	close(l.goOn)
	if err := <-appended; err != nil {
		t.Errorf("the append: %v", err)
	}
	for range 2 {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

// A Close that comes while Open runs ends what Open has opened.
func TestCloseDuringOpen(t *testing.T) {
	b, l := slow(true)
	s := shell.New(nil, b)
	dir := t.TempDir()
	opts := plugins.Options{ClusterID: 1, NodeID: 2, Group: 1, DataDir: dir, Limits: plugins.DefaultLimits()}
	opened := make(chan error, 1)
	go func() {
		_, err := s.Open(context.Background(), opts)
		opened <- err
	}()
	<-l.began
	if _, err := s.Open(context.Background(), opts); !errors.Is(err, plugins.ErrInvalidArgument) {
		t.Errorf("a second Open = %v", err)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	close(l.goOn)
	if err := <-opened; !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("Open = %v, want ErrClosed", err)
	}
	next := shell.New(nil, fileBackend())
	if _, err := next.Open(context.Background(), opts); err != nil {
		t.Errorf("the lock is not free: %v", err)
	}
	if err := next.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// A recovery or a shelf that fails leaves nothing open: another Open of the same
// store may follow. The log was never begun.
func TestAFailedOpenHoldsNothing(t *testing.T) {
	b := fileBackend()
	full := true
	configure := b.Configure
	b.Configure = func(section []byte) (shell.Recover, error) {
		if full {
			full = false
			return func(shell.Place) (shell.Log, storage.State, error) { return nil, storage.State{}, syscall.EDQUOT }, nil
		}
		return configure(section)
	}
	s := shell.New(nil, b)
	opts := plugins.Options{ClusterID: 1, NodeID: 2, Group: 1, DataDir: t.TempDir(), Limits: plugins.DefaultLimits()}
	_, err := s.Open(context.Background(), opts)
	if !errors.Is(err, storage.ErrNoSpace) || !strings.HasPrefix(err.Error(), "open "+opts.DataDir) {
		t.Errorf("Open on a full disk = %v", err)
	}
	if s.IsOpen() {
		t.Error("the store is open")
	}
	if _, err := s.Open(context.Background(), opts); err != nil || !s.IsOpen() {
		t.Errorf("the next Open = %v", err)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// A received snapshot that the commit index has passed will never be installed: the
// next one that arrives takes its place.
func TestWhatRaftHasPassedIsForgotten(t *testing.T) {
	ctx := context.Background()
	s := mustOpen(t, fileBackend())
	receive := func(index uint64) {
		t.Helper()
		w, err := s.CreateSnapshot(ctx, storage.SnapshotMetadata{Index: index, Term: 1}, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	receive(2)
	receive(3)
	if r, err := s.OpenSnapshot(ctx, 2); err != nil {
		t.Fatalf("before the commit index: %v", err)
	} else if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	b := storage.Batch{HardState: storage.HardState{Term: 1, Commit: 3}, MustSync: true}
	for i := range uint64(4) {
		b.Entries = append(b.Entries, storage.Entry{Index: i + 1, Term: 1})
	}
	if err := s.Append(ctx, []storage.Batch{b}); err != nil {
		t.Fatal(err)
	}
	receive(9)
	if _, err := s.OpenSnapshot(ctx, 2); !errors.Is(err, storage.ErrNoSnapshot) {
		t.Errorf("the snapshot at 2, below the commit index: %v, want ErrNoSnapshot", err)
	}
	for _, index := range []uint64{3, 9} {
		r, err := s.OpenSnapshot(ctx, index)
		if err != nil {
			t.Errorf("the snapshot at %d: %v", index, err)
			continue
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
