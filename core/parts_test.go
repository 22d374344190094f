package core

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// notedWriter notes its end, and fails if it is told to.
type notedWriter struct {
	aborted atomic.Bool
	fails   error
}

func (w *notedWriter) Write(p []byte) (int, error) {
	if w.fails != nil {
		return 0, w.fails
	}
	return len(p), nil
}
func (w *notedWriter) Commit() (storage.SnapshotInfo, error) { return storage.SnapshotInfo{}, nil }
func (w *notedWriter) Abort() error                          { w.aborted.Store(true); return nil }

func notedPart(sum string, bytes int) (*part, *notedWriter) {
	w := &notedWriter{}
	p := &part{sum: sum, received: true, w: server.NewSummedWriter(w), cancel: func() {}, limit: time.Second}
	_, _ = p.Write(make([]byte, bytes))
	return p, w
}

// One part is kept, the largest of a snapshot and else the latest, and taken once, by its
// sum and its end. The node hears of each change. Nothing stays in the storage of one that is
// not kept.
func TestOnePartIsKept(t *testing.T) {
	var told []node.Kept
	k := &parts{tell: func(kept node.Kept) { told = append(told, kept) }}
	a3, wa3 := notedPart("a", 3)
	a2, wa2 := notedPart("a", 2)
	a5, wa5 := notedPart("a", 5)
	b1, wb1 := notedPart("b", 1)
	for _, p := range []*part{a3, a2, a5, b1} {
		k.keep(p, time.Hour)
	}
	if !wa3.aborted.Load() || !wa2.aborted.Load() || !wa5.aborted.Load() || wb1.aborted.Load() {
		t.Errorf("removed: %v %v %v %v, want all but the last", wa3.aborted.Load(), wa2.aborted.Load(), wa5.aborted.Load(), wb1.aborted.Load())
	}
	for _, other := range []*part{k.take("a", 1, true), k.take("b", 2, true), k.take("b", 1, false)} {
		if other != nil {
			t.Errorf("took %+v, which is none of these", other)
		}
	}
	if k.take("b", 1, true) != b1 || k.take("b", 1, true) != nil || wb1.aborted.Load() {
		t.Error("the part is not taken once")
	}
	want := []node.Kept{{Sum: "a", Bytes: 3}, {Sum: "a", Bytes: 5}, {Sum: "b", Bytes: 1}, {}}
	if !slices.Equal(told, want) {
		t.Errorf("the node heard %+v, want %+v", told, want)
	}
}

// A part is given up when its rest does not come in its time, when the storage is short of
// space, and with its generation, after which none is kept.
func TestAPartIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &parts{tell: func(node.Kept) {}}
		late, w := notedPart("a", 3)
		k.keep(late, time.Minute)
		time.Sleep(time.Minute - time.Second)
		synctest.Wait()
		if w.aborted.Load() {
			t.Error("given up before its time")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !w.aborted.Load() || k.kept != nil {
			t.Error("kept after its time")
		}

		again, w := notedPart("a", 3)
		k.keep(again, time.Minute)
		time.Sleep(time.Second)
		if k.take("a", 3, true) != again {
			t.Fatal("it is not kept")
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if w.aborted.Load() {
			t.Error("one that goes on is given up by the time of the one that was kept")
		}
		k.keep(again, time.Minute)
		g := &generation{h: &Host{}, parts: parts{tell: func(node.Kept) {}, kept: again}}
		g.h.logger = slog.New(slog.DiscardHandler)
		g.space.seen(g, storage.Space{Short: true, Detail: "full"})
		if !w.aborted.Load() {
			t.Error("a storage that is short of space keeps it")
		}

		last, w := notedPart("a", 3)
		k.keep(last, time.Hour)
		k.close()
		after, w2 := notedPart("a", 4)
		k.keep(after, time.Hour)
		if !w.aborted.Load() || !w2.aborted.Load() || k.kept != nil {
			t.Error("one is kept after the end")
		}
		k.drop(nil)
	})
}

// A part whose storage has no space is not kept, and one whose peer is gone does not wait for
// a storage that hangs.
func TestAPartThatCannotBeWritten(t *testing.T) {
	p, w := notedPart("a", 3)
	w.fails = storage.ErrNoSpace
	if _, err := p.Write([]byte("x")); !errors.Is(err, storage.ErrNoSpace) || !p.broken || p.bytes != 3 {
		t.Errorf("a write without space: %v, broken %v after %d bytes", err, p.broken, p.bytes)
	}
	synctest.Test(t, func(t *testing.T) {
		life, cancel := context.WithCancel(t.Context())
		p := &part{cancel: cancel, limit: time.Minute}
		ctx, gone := context.WithCancel(t.Context())
		stop := p.within(ctx)
		time.Sleep(time.Hour)
		gone()
		time.Sleep(p.limit - time.Second)
		synctest.Wait()
		if life.Err() != nil {
			t.Error("cut off before its time")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if life.Err() == nil {
			t.Error("a write that hangs goes on")
		}
		stop()
	})
}
