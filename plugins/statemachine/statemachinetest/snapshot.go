package statemachinetest

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
)

func testSnapshot(t *testing.T, h Harness) {
	t.Run("of an empty state", func(t *testing.T) {
		rule.Checks(t, "SM-37")
		in := open(t, h)
		fresh := open(t, h)
		fresh.restore(0, in.snapshot())
		fresh.advance(5)
		equalState(t, "after a restore of nothing", fresh.state(), reference(t, h, 5))
	})
	t.Run("later entries do not show", func(t *testing.T) {
		rule.Checks(t, "SM-31")
		in := open(t, h)
		in.advance(40)
		snap := in.prepare()
		in.advance(90)
		equalState(t, "snapshot saved late", in.fingerprint(in.save(snap)), reference(t, h, 40))
		equalState(t, "state behind it", in.state(), reference(t, h, 90))
	})
	t.Run("several exist at a time", func(t *testing.T) {
		rule.Checks(t, "SM-32", "SM-31")
		in := open(t, h)
		first := in.prepare()
		in.advance(10)
		second := in.prepare()
		unused := in.prepare()
		in.advance(20)
		third := in.prepare()
		unused.Release()
		in.advance(30)
		equalState(t, "third", in.fingerprint(in.save(third)), reference(t, h, 20))
		equalState(t, "first", in.fingerprint(in.save(first)), reference(t, h, 0))
		equalState(t, "second", in.fingerprint(in.save(second)), reference(t, h, 10))
	})
	t.Run("released without being saved", func(t *testing.T) {
		rule.Checks(t, "SM-34", "SM-35")
		in := open(t, h)
		in.advance(5)
		in.prepare().Release()
		in.advance(10)
		equalState(t, "after a release", in.state(), reference(t, h, 10))
	})
	t.Run("saved while entries are applied", func(t *testing.T) { savesWhileApplying(t, h) })
	t.Run("a writer that fails ends Save", func(t *testing.T) {
		rule.Checks(t, "SM-36", "SM-35")
		in := open(t, h)
		in.advance(10)
		snap := in.prepare()
		if err := snap.Save(in.ctx, failingWriter{}); err == nil {
			t.Error("Save to a writer that fails: nil, want an error")
		}
		snap.Release()
		in.advance(20)
		equalState(t, "after a failed save", in.state(), reference(t, h, 20))
	})
	t.Run("a writer that fails late ends Save", func(t *testing.T) {
		rule.Checks(t, "SM-36")
		in := open(t, h)
		in.advance(200)
		size := len(in.snapshot())
		for _, room := range []int{1, size / 2, size - 1} {
			snap := in.prepare()
			if err := snap.Save(in.ctx, &shortWriter{room: room}); err == nil {
				t.Errorf("Save to a writer that fails after %d of %d bytes: nil, want an error", room, size)
			}
			snap.Release()
		}
	})
	t.Run("a cancelled Save harms nothing", func(t *testing.T) {
		rule.Checks(t, "SM-35")
		in := open(t, h)
		in.advance(10)
		snap := in.prepare()
		ctx, cancel := context.WithCancel(in.ctx)
		cancel()
		_ = snap.Save(ctx, io.Discard) // may have been too quick to notice
		snap.Release()
		in.advance(20)
		equalState(t, "after a cancelled save", in.state(), reference(t, h, 20))
	})
}

// savesWhileApplying holds a Save at its first byte until later entries have
// been applied: an Apply that waits for the Save would hang here.
func savesWhileApplying(t *testing.T, h Harness) {
	rule.Checks(t, "SM-33", "SM-31")
	in := open(t, h)
	in.advance(200)
	snap := in.prepare()
	w := &heldWriter{ctx: in.ctx, started: make(chan struct{}), proceed: make(chan struct{})}
	saved := make(chan error, 1)
	go func() { saved <- snap.Save(in.ctx, w) }()
	select {
	case <-w.started:
	case err := <-saved:
		t.Fatalf("Save ended without writing: %v", err)
	}
	for index := uint64(210); index <= 300; index += 10 {
		in.advance(index)
		if h.Observe != nil {
			in.observe()
		}
	}
	close(w.proceed)
	if err := <-saved; err != nil {
		t.Fatalf("Save: %v", err)
	}
	snap.Release()
	equalState(t, "saved beside 100 entries", in.fingerprint(w.data), reference(t, h, 200))
	equalState(t, "applied beside a save", in.state(), reference(t, h, 300))
}

// heldWriter stops the first Write until it may proceed.
type heldWriter struct {
	ctx              context.Context
	started, proceed chan struct{}
	data             []byte
}

func (w *heldWriter) Write(p []byte) (int, error) {
	if len(w.data) == 0 && len(p) > 0 {
		close(w.started)
		select {
		case <-w.proceed:
		case <-w.ctx.Done():
			return 0, w.ctx.Err()
		}
	}
	w.data = append(w.data, p...)
	return len(p), nil
}

// shortWriter takes so many bytes and no more; after the first error it takes
// everything, so that only who looks at each error notices.
type shortWriter struct {
	room   int
	failed bool
}

func (w *shortWriter) Write(p []byte) (int, error) {
	if !w.failed && len(p) > w.room {
		w.failed = true
		return w.room, errWriter
	}
	w.room -= min(len(p), w.room)
	return len(p), nil
}

var errWriter = errors.New("writer failed")

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errWriter }
