package storagetest

import (
	"errors"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

func (h Harness) testReopen(t *testing.T) {
	t.Run("AcknowledgedIsThere", func(t *testing.T) {
		rule.Checks(t, "ST-9", "ST-10", "P-8")
		h.restarts(t, func(t *testing.T, restart func(*session)) {
			se := h.start(t)
			var want []storage.Entry
			for round := uint64(1); round <= 6; round++ {
				first := uint64(len(want)) + 1
				es := entries(first, 5+round, round)
				want = append(want, es...)
				hs := storage.HardState{Term: round, Vote: round % 3, Commit: first - 1}
				se.appendBatches(storage.Batch{Entries: es, HardState: hs, MustSync: true})
				restart(se)
				se.expectHardState(hs)
				se.expectLog(want...)
			}
		})
	})
	t.Run("WithoutAnyWrite", func(t *testing.T) {
		rule.Checks(t, "ST-4")
		h.restarts(t, func(t *testing.T, restart func(*session)) {
			se := h.start(t)
			for range 5 {
				restart(se)
				se.expectBounds(1, 0, boundary(0, 0))
			}
		})
	})
	t.Run("OtherIdentityIsRefused", func(t *testing.T) {
		rule.Checks(t, "P-22")
		se := h.start(t)
		se.append(entries(1, 3, 1)...)
		if err := se.s.Close(se.ctx()); err != nil {
			t.Fatal(err)
		}
		for _, change := range []func(*plugins.Options){
			func(o *plugins.Options) { o.ClusterID++ },
			func(o *plugins.Options) { o.NodeID++ },
		} {
			other := se.opts
			change(&other)
			s := h.New(t, other.DataDir)
			if _, err := s.Open(se.ctx(), other); !errors.Is(err, plugins.ErrWrongIdentity) {
				t.Errorf("Open for cluster %x, node %x = %v, want ErrWrongIdentity", other.ClusterID, other.NodeID, err)
			}
			if err := s.Close(se.ctx()); err != nil {
				t.Errorf("Close after a refused Open: %v", err)
			}
		}
		se.open()
		se.expectLog(entries(1, 3, 1)...)
	})
	t.Run("ASecondGroupIsRefused", func(t *testing.T) {
		rule.Checks(t, "P-21", "P-39")
		se := h.start(t)
		se.append(entries(1, 3, 1)...)
		other := se.opts
		other.Group++
		other.Incarnation++
		other.DataDir = newDir(t)
		if _, err := se.s.Open(se.ctx(), other); !errors.Is(err, plugins.ErrInvalidArgument) {
			t.Errorf("Open for group %d while it serves group %d = %v, want ErrInvalidArgument", other.Group, se.opts.Group, err)
		}
		se.append(entries(4, 3, 1)...)
		se.expectLog(entries(1, 6, 1)...)
	})
	t.Run("CallsBeforeOpen", func(t *testing.T) {
		rule.Checks(t, "P-23")
		s := h.New(t, newDir(t))
		expectAll(t, s, plugins.ErrNotOpen)
	})
	t.Run("CallsAfterClose", func(t *testing.T) {
		rule.Checks(t, "P-23", "P-24")
		se := h.start(t)
		if err := se.s.Close(se.ctx()); err != nil {
			t.Fatal(err)
		}
		expectAll(t, se.s, plugins.ErrClosed)
		if err := se.s.Close(se.ctx()); err != nil {
			t.Errorf("Close twice: %v", err)
		}
	})
}

// expectAll expects the same error of every call but Open and Close.
func expectAll(t *testing.T, s storage.Storage, want error) {
	t.Helper()
	ctx := t.Context()
	calls := map[string]func() error{
		"Append": func() error {
			return s.Append(ctx, []storage.Batch{{Entries: entries(1, 1, 1), MustSync: true}})
		},
		"Read":           func() error { _, err := s.Read(ctx, 1, 1, 1); return err },
		"Compact":        func() error { _, err := s.Compact(ctx, 0); return err },
		"CreateSnapshot": func() error { return trySave(ctx, s, meta(1, 1), true) },
		"OpenSnapshot":   func() error { return tryOpen(ctx, s, 0) },
		"ListSnapshots":  func() error { _, err := s.ListSnapshots(ctx); return err },
		"InstallSnapshot": func() error {
			return s.InstallSnapshot(ctx, 1, storage.HardState{Term: 1, Commit: 1})
		},
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, want) {
			t.Errorf("%s = %v, want %v", name, err, want)
		}
	}
}
