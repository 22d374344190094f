package server

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// durably has each state machine keep its state on one disk, and the log go to the text that it
// returns. sync, if not nil, comes before each Sync.
func durably(n uint64, sync func(context.Context) error) (*bytes.Buffer, func(*Config)) {
	log, disk := &bytes.Buffer{}, statemachinetest.NewDisk()
	return log, func(c *Config) {
		every(n)(c)
		c.Logger = slog.New(slog.NewTextHandler(log, nil))
		c.StateMachine.(*source).prepare = func(_ int, m *machine) error {
			m.KeepOn(disk)
			m.sync = sync
			return nil
		}
	}
}

// losePower ends the present state machine, and what it has not synced is lost. The next one
// has been started when it returns.
func (w *world) losePower() {
	w.source.current().LosePower()
	w.kill()
}

// kill ends the present state machine, and returns when the next one has been started.
func (w *world) kill() {
	w.source.current().Kill()
	time.Sleep(tick) // of the bubble
	synctest.Wait()
}

// Status and metric show what is durable, and none for a state machine that does not say it.
func TestStatusShowsWhatIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		if d := w.s.Status().Durable; d != nil {
			t.Errorf("durable index %d of a state machine in memory", *d)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		_, tune := durably(100, nil)
		w := newWorld(t, tune)
		w.one("a", "b", "c")
		if st := w.s.Status(); st.Durable == nil || *st.Durable != 0 || st.Applied != 3 {
			t.Errorf("durable index %v of %d", st.Durable, st.Applied)
		}
		if _, err := w.source.current().Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.one("d")
		if st := w.s.Status(); st.Durable == nil || *st.Durable != 3 || st.Applied != 4 {
			t.Errorf("durable index %v of %d", st.Durable, st.Applied)
		}
	})
}

// The log is compacted up to what a stored snapshot covers, whatever the state machine has on
// its disk: another member, and this one after the loss of that disk, can have no more. The
// state machine syncs before that, so that an end afterwards costs no Restore.
func TestTheLogIsCompactedUpToASnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, tune := durably(1000, nil)
		w := newWorld(t, tune)
		w.one("a", "b", "c", "d", "e", "f")
		if _, err := w.source.current().Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.one("g")
		if got := w.firstIndex(); got != 1 {
			t.Errorf("the log begins at %d without a snapshot", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		_, tune := durably(2, nil)
		w := newWorld(t, tune)
		w.one("a", "b", "c", "d", "e")
		first := w.firstIndex()
		m := w.source.current()
		if m.DurableIndex() < first-1 || first == 1 {
			t.Errorf("the log begins at %d, and %d is durable", first, m.DurableIndex())
		}
		if syncs := m.Syncs(); syncs != 1 {
			t.Errorf("%d syncs for a log that was compacted once", syncs)
		}
		w.losePower()
		w.one("f")
		if at := w.source.current().applied; at < first-1 {
			t.Errorf("the next state machine opens at %d, and needs a Restore: the log begins at %d", at, first)
		}
		w.wantState("a", "b", "c", "d", "e", "f")
	})
}

// A Sync that fails, or does not answer, is told once and counted, and keeps neither the log
// from being compacted nor a state machine that lost its state from being brought back.
func TestASyncThatFailsKeepsNothingBack(t *testing.T) {
	for name, sync := range map[string]func(context.Context) error{
		"it fails":           func(context.Context) error { return errors.New("disk full") },
		"it does not answer": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, tune := durably(2, sync)
				w := newWorld(t, tune)
				for _, text := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
					w.one(text)
					time.Sleep(SyncPatience(election)) // of the bubble
					synctest.Wait()
				}
				if w.firstIndex() < 5 {
					t.Errorf("the log begins at %d with snapshots at %v", w.firstIndex(), w.snapshots())
				}
				if n := count(t, w.s.metrics.syncs.WithLabelValues("failed")); n < 2 {
					t.Errorf("%v failures are counted", n)
				}
				if n := strings.Count(log.String(), "did not sync"); n != 1 {
					t.Errorf("the log says it %d times:\n%s", n, log)
				}
				w.losePower()
				w.one("i")
				time.Sleep(SyncPatience(election)) // of the bubble
				synctest.Wait()
				w.wantState("a", "b", "c", "d", "e", "f", "g", "h", "i")
			})
		})
	}
}

// A state machine inside the host whose Sync never returns keeps back neither the log from being
// compacted nor the snapshots that follow, and is not asked beside that Sync. Its successor is.
func TestASyncThatNeverReturnsKeepsNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked int
		release := make(chan struct{})
		defer close(release)
		log, tune := durably(2, func(context.Context) error { asked++; <-release; return errors.New("too late") })
		w := newWorld(t, tune)
		for _, text := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			w.one(text)
			time.Sleep(SyncPatience(election)) // of the bubble
			synctest.Wait()
		}
		if w.firstIndex() < 5 {
			t.Errorf("the log begins at %d with snapshots at %v", w.firstIndex(), w.snapshots())
		}
		if n := count(t, w.s.metrics.syncs.WithLabelValues("failed")); n < 2 || asked != 1 {
			t.Errorf("%v failures are counted, and it was asked %d times", n, asked)
		}
		if n := strings.Count(log.String(), "did not sync"); n != 1 {
			t.Errorf("the log says it %d times:\n%s", n, log)
		}
		w.source.prepare = func(_ int, m *machine) error { m.KeepOn(statemachinetest.NewDisk()); return nil }
		w.kill()
		w.one("i", "j")
		w.one("k", "l")
		if w.source.current().Syncs() == 0 {
			t.Error("its successor is not asked to sync")
		}
	})
}

// A state machine that has lost what one before it had called durable is brought to the
// applied index by a snapshot and the log, and the loss is told. One that has lost what was not
// durable is not blamed.
func TestALostDurableStateIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, tune := durably(100, nil)
		w := newWorld(t, tune)
		w.one("a", "b", "c")
		if _, err := w.source.current().Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.one("d", "e")
		w.losePower()
		w.one("f")
		if at := w.source.current().applied; at != 3 || strings.Contains(log.String(), "lost what") {
			t.Errorf("opened at %d:\n%s", at, log)
		}
		w.wantState("a", "b", "c", "d", "e", "f")
		disk := statemachinetest.NewDisk() // an empty one
		w.source.prepare = func(_ int, m *machine) error { m.KeepOn(disk); return nil }
		w.kill()
		w.one("g")
		w.wantState("a", "b", "c", "d", "e", "f", "g")
		if n := count(t, w.s.metrics.durableLost); n != 1 || !strings.Contains(log.String(), "lost what it had called durable") || !strings.Contains(log.String(), "durable=3 opened_at=0") {
			t.Errorf("%v losses are counted:\n%s", n, log)
		}
		if d := w.s.Status().Durable; d == nil || *d != 0 {
			t.Errorf("status still shows durable index %v", d)
		}
	})
}

// What a member keeps that is to be rebuilt is not trusted, and is not lost.
func TestARebuildIsNotALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, tune := durably(2, nil)
		w := newWorld(t, func(c *Config) {
			tune(c)
			from := c.StateMachine.(*source)
			keep := from.prepare
			from.prepare = func(n int, m *machine) error {
				m.sparse = true
				m.AnnounceHash("digest")
				return keep(n, m)
			}
		})
		w.joined()
		w.one("a", "b")
		w.rebuild() // of two voters
		w.one("c")
		if _, err := w.source.current().Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.parts()
		at := w.s.Pleads()
		if at == 0 {
			t.Fatalf("it is not rebuilt: %v", w.s.Err())
		}
		for w.last < at {
			w.commit("d")
		}
		w.give(at, "a", "b", "c", "d")
		if w.s.Pleads() != 0 {
			t.Errorf("it asks for %d still", w.s.Pleads())
		}
		if n := count(t, w.s.metrics.durableLost); n != 0 || strings.Contains(log.String(), "lost what") {
			t.Errorf("%v losses are counted:\n%s", n, log)
		}
	})
}

// A Sync that answers when its state machine has been replaced says nothing of the next one,
// which has synced less.
func TestALateSyncIsOfItsOwnStateMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, release := make(chan struct{}), make(chan struct{})
		_, tune := durably(2, nil)
		w := newWorld(t, tune)
		w.source.current().synced = func() {
			close(begun)
			<-release
		}
		w.one("a", "b", "c", "d")
		<-begun
		other := statemachinetest.NewDisk()
		writer := statemachinetest.NewRegister()
		writer.KeepOn(other)
		if _, err := writer.Open(t.Context(), plugins.Options{}); err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Apply(t.Context(), statemachine.Batch{Through: w.last}); err != nil {
			t.Fatal(err)
		}
		w.source.prepare = func(_ int, m *machine) error { m.KeepOn(other); return nil }
		w.kill()
		if at := w.source.current().applied; at != w.last {
			t.Fatalf("the next state machine opens at %d", at)
		}
		close(release)
		synctest.Wait()
		if d := w.s.Status().Durable; d == nil || *d != 0 {
			t.Errorf("status shows durable index %d, and its state machine has synced nothing", *d)
		}
	})
}

// The time that a state machine takes to sync is not that of the storage, which is asked after
// that to compact the log.
func TestASyncIsNotBlamedOnTheStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, tune := durably(2, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		w := newWorld(t, tune)
		w.over(&compactless{Storage: w.store})
		w.one("a", "b", "c", "d")
		time.Sleep(SyncPatience(election) + time.Second)
		if warning := w.warned(WarnSnapshotStalled); warning != "" {
			t.Errorf("status says %q of a storage that was asked a second ago", warning)
		}
		time.Sleep(SavePatience(election))
		if warning := w.warned(WarnSnapshotStalled); !strings.Contains(warning, "compact") {
			t.Errorf("status says %q", warning)
		}
	})
}

// A Restore of an older state, as of a member that has parted, is no loss.
func TestARestoreOfAnOlderStateIsNotALoss(t *testing.T) {
	d := durability{}
	d.opened(true, 0)
	d.said(10)
	d.restoring(5)
	if before := d.opened(true, 5); before != 5 {
		t.Errorf("after a restore of 5 an index from %d on is asked for", before)
	}
}
