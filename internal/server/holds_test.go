package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// warned is what status says about snapshots for a reason.
func (w *world) warned(reason string) string {
	for _, warning := range w.s.snapshotWarnings() {
		if warning.Reason == reason {
			return warning.Text
		}
	}
	return ""
}

// count is what a counter has counted.
func count(t *testing.T, c prometheus.Counter) float64 {
	r := prometheus.NewRegistry()
	r.MustRegister(c)
	families, err := r.Gather()
	if err != nil || len(families) != 1 {
		t.Fatalf("%d families: %v", len(families), err)
	}
	return families[0].Metric[0].Counter.GetValue()
}

// over puts a storage that misbehaves between the server and the world's.
func (w *world) over(st storage.Storage) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.s.storage = st
}

// A snapshot that is being sent holds the log back up to four times what is kept
// for catching up; then the log goes on without it, its sender is told, and both
// are seen in status and metrics.
func TestA9HoldsEndAtTheirBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const each = 1000
		w := newWorld(t, func(c *Config) { c.SnapshotEntries, c.CatchUpEntries, c.CatchUpBytes = 2, 1, 10*each })
		text := string(make([]byte, each))
		w.one(text, text)
		var lost []error
		release := w.s.Hold(2, func(err error) { lost = append(lost, err) })
		defer release()
		for n := 0; n < 30; n++ {
			w.one(text)
		}
		if len(lost) > 0 || w.firstIndex() != 3 {
			t.Fatalf("after 30 kB: the log begins at %d, lost: %v", w.firstIndex(), lost)
		}
		if warning := w.warned(WarnLogHeld); !strings.Contains(warning, "index 2") {
			t.Errorf("status says %q", warning)
		}
		for n := 0; n < 14; n++ {
			w.one(text)
		}
		if len(lost) != 1 || !strings.Contains(lost[0].Error(), "raft.catch_up_bytes") || w.firstIndex() < 10 {
			t.Errorf("after 44 kB: the log begins at %d, lost: %v", w.firstIndex(), lost)
		}
		if warning := w.warned(WarnLogHeld); warning != "" || count(t, w.s.metrics.overtaken) != 1 {
			t.Errorf("status says %q, the metric %v", warning, count(t, w.s.metrics.overtaken))
		}
	})
}

// stuckStore takes nothing of a snapshot while it is stuck.
type stuckStore struct {
	storage.Storage
	stuck bool
}

func (s *stuckStore) CreateSnapshot(ctx context.Context, meta storage.SnapshotMetadata, received bool) (storage.SnapshotWriter, error) {
	w, err := s.Storage.CreateSnapshot(ctx, meta, received)
	if err != nil || !s.stuck {
		return w, err
	}
	return stuckWriter{w, ctx}, nil
}

type stuckWriter struct {
	storage.SnapshotWriter
	ctx context.Context
}

func (w stuckWriter) Write([]byte) (int, error) {
	<-w.ctx.Done()
	return 0, w.ctx.Err()
}

// The saving of a snapshot that stands still shows in status, and is given up
// after a while: the next one is taken.
func TestASaveThatStandsStillIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, every(2))
		stuck := &stuckStore{w.store, true}
		w.over(stuck)
		w.one("a", "b", "c", "d")
		time.Sleep(SavePatience(election) - time.Second)
		if warning := w.warned(WarnSnapshotStalled); warning != "" {
			t.Errorf("status says too early: %s", warning)
		}
		time.Sleep(time.Second)
		if warning := w.warned(WarnSnapshotStalled); !strings.Contains(warning, "index 2") {
			t.Errorf("status says %q", warning)
		}
		time.Sleep(saveGivenUp * SavePatience(election))
		synctest.Wait()
		if n := count(t, w.s.metrics.snapshotFailures); n != 1 {
			t.Errorf("%v snapshots failed", n)
		}
		stuck.stuck = false
		w.one("e")
		if got := w.snapshots(); fmt.Sprint(got) != "[5]" || w.warned(WarnSnapshotStalled) != "" {
			t.Errorf("snapshots %v, status says %q", got, w.warned(WarnSnapshotStalled))
		}
	})
}

// A snapshot for which there was no space waits until the storage has some, and
// is tried more and more rarely if it says that it has; status says so.
func TestSnapshotsWaitForSpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		warning := "10 MiB are free"
		w := newWorld(t, func(c *Config) {
			every(2)(c)
			c.Plugins = func() []PluginStatus { return []PluginStatus{{Kind: string(plugins.Storage), Warning: warning}} }
		})
		full := &fullStore{Storage: w.store}
		w.over(full)
		elections := func(n int) {
			for range n {
				time.Sleep(election)
				w.one("x")
			}
		}
		w.one("a", "b")
		elections(50)
		if full.tries != 1 {
			t.Errorf("%d tries without space, want 1", full.tries)
		}
		warning = "" // but not enough for a snapshot
		elections(63)
		if full.tries < 4 || full.tries > 7 {
			t.Errorf("%d tries in 63 elections, want about 6", full.tries)
		}
		if text := w.warned(WarnSnapshotStalled); !strings.Contains(text, storage.ErrNoSpace.Error()) {
			t.Errorf("status says %q", text)
		}
		full.has = true
		elections(130)
		if len(w.snapshots()) == 0 || w.warned(WarnSnapshotStalled) != "" {
			t.Errorf("snapshots %v, status says %q", w.snapshots(), w.warned(WarnSnapshotStalled))
		}
	})
}

// However long there is no space, a snapshot is tried every ten minutes.
func TestThePauseForSpaceIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h snapshotHealth
		for range 1000 {
			h.saved(fmt.Errorf("save: %w", storage.ErrNoSpace), election)
		}
		if pause := time.Until(h.retryAt); pause != longestRetry {
			t.Errorf("it pauses for %v", pause)
		}
		h.saved(errors.New("something else"), election)
		if pause := time.Until(h.retryAt); pause != election {
			t.Errorf("after another failure it pauses for %v", pause)
		}
	})
}
