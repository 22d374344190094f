package statemachinerpc_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinerpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

func openOver(t testing.TB, backend statemachine.StateMachine) *statemachinerpc.Client {
	t.Helper()
	c := over(t, backend)
	if _, err := c.Open(t.Context(), options()); err != nil {
		t.Fatal(err)
	}
	return c
}

// views counts the snapshots of a state machine that are held.
type views struct {
	statemachine.StateMachine
	held atomic.Int64
}

func (v *views) PrepareSnapshot(ctx context.Context) (statemachine.Snapshot, error) {
	s, err := v.StateMachine.PrepareSnapshot(ctx)
	v.held.Add(1)
	return view{s, v}, err
}

type view struct {
	statemachine.Snapshot
	of *views
}

func (v view) Release() {
	v.of.held.Add(-1)
	v.Snapshot.Release()
}

// Rules SM-33, SM-34 and SM-35.
func TestThePluginReleasesEverySnapshot(t *testing.T) {
	v := &views{StateMachine: statemachinetest.NewRegister()}
	c := openOver(t, v)
	prepare := func() statemachine.Snapshot {
		t.Helper()
		s, err := c.PrepareSnapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, end := range map[string]func(statemachine.Snapshot){
		"released": func(s statemachine.Snapshot) { s.Release() },
		"saved and released": func(s statemachine.Snapshot) {
			if err := s.Save(t.Context(), io.Discard); err != nil {
				t.Error(err)
			}
			s.Release()
		},
		"saved to a writer that fails": func(s statemachine.Snapshot) {
			if err := s.Save(t.Context(), failing{}); !errors.Is(err, errDisk) {
				t.Errorf("save: %v", err)
			}
			s.Release()
		},
	} {
		s := prepare()
		if n := v.held.Load(); n != 1 {
			t.Errorf("%s: %d views are held before", name, n)
		}
		end(s)
		if err := s.Save(t.Context(), io.Discard); !errors.Is(err, plugins.ErrInvalidArgument) {
			t.Errorf("%s: save after it: %v", name, err)
		}
	}
	prepare()
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := v.held.Load(); n != 0 {
		t.Errorf("%d views are held after Close", n)
	}
}

var errDisk = errors.New("disk is full")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errDisk }

// Rule SM-32.
func TestSnapshotsThatNobodyTakesAreBounded(t *testing.T) {
	c := openOver(t, statemachinetest.NewRegister())
	for range 1000 {
		if _, err := c.PrepareSnapshot(t.Context()); errors.Is(err, plugins.ErrLimit) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
	t.Error("a thousand snapshots are held")
}

// Rule SM-41.
func TestRestoreFromASourceThatFails(t *testing.T) {
	broken := errors.New("broken source")
	for name, r := range map[string]io.Reader{
		"at once":      iotest.ErrReader(broken),
		"half-way":     io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), iotest.ErrReader(broken)),
		"by being cut": io.MultiReader(bytes.NewReader(make([]byte, 100)), iotest.ErrReader(io.ErrUnexpectedEOF)),
	} {
		c := openOver(t, statemachinetest.NewRegister())
		err := c.Restore(t.Context(), 5, r)
		// The plugin may have seen before that it is not a snapshot at all.
		if !errors.Is(err, broken) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, statemachine.ErrBadSnapshot) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// slow holds every Apply until it is let go.
type slow struct {
	statemachine.StateMachine
	started chan struct{}
	release chan struct{}
	ended   chan error // what the Apply's context said at its end
}

func (s *slow) Apply(ctx context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	s.started <- struct{}{}
	<-s.release
	s.ended <- ctx.Err()
	return s.StateMachine.Apply(ctx, b)
}

// Rule SM-12.
func TestAnApplyIsNeverCancelled(t *testing.T) {
	s := &slow{statemachinetest.NewRegister(), make(chan struct{}, 1), make(chan struct{}), make(chan error, 1)}
	c := openOver(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	applied := make(chan error, 1)
	go func() {
		_, err := c.Apply(ctx, statemachine.Batch{Entries: []statemachine.Entry{{Index: 1, Data: []byte("a")}}, Through: 1})
		applied <- err
	}()
	<-s.started
	cancel()
	if err := <-applied; !errors.Is(err, context.Canceled) {
		t.Errorf("apply that was given up: %v", err)
	}
	close(s.release)
	if err := <-s.ended; err != nil {
		t.Errorf("the state machine was told %v", err)
	}
	// The next batch waits for it, and may find its entry applied.
	results, err := c.Apply(t.Context(), statemachine.Batch{Entries: []statemachine.Entry{{Index: 1, Data: []byte("a")}}, Through: 1})
	if err != nil || !results[0].Skipped {
		t.Errorf("replayed: %+v, error %v", results, err)
	}
}

// Rule SM-11.
func TestBatchesThatBreakTheContractAreNotSent(t *testing.T) {
	c := openOver(t, statemachinetest.NewRegister())
	entry := func(i uint64, n int) statemachine.Entry { return statemachine.Entry{Index: i, Data: make([]byte, n)} }
	limits := plugins.DefaultLimits()
	for name, x := range map[string]struct {
		b    statemachine.Batch
		want error
	}{
		"entries not in order": {statemachine.Batch{Entries: []statemachine.Entry{entry(2, 1), entry(1, 1)}, Through: 2}, plugins.ErrInvalidArgument},
		"ends before its last": {statemachine.Batch{Entries: []statemachine.Entry{entry(2, 1)}, Through: 1}, plugins.ErrInvalidArgument},
		"index 0":              {statemachine.Batch{Entries: []statemachine.Entry{entry(0, 1)}}, plugins.ErrInvalidArgument},
		"entry over the limit": {statemachine.Batch{Entries: []statemachine.Entry{entry(1, int(limits.MaxEntryBytes)+1)}, Through: 1}, plugins.ErrLimit},
		"batch over the limit": {statemachine.Batch{Entries: []statemachine.Entry{entry(1, 1<<20), entry(2, 1<<20), entry(3, 1<<20)}, Through: 3}, plugins.ErrLimit},
	} {
		if _, err := c.Apply(t.Context(), x.b); !errors.Is(err, x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
