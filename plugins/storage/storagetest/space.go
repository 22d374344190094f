package storagetest

import (
	"errors"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

func (h Harness) testSpace(t *testing.T) {
	if !h.New(t, newDir(t)).Describe().Has(storage.CapabilitySpace) {
		t.Skip("this backend does not report on space")
	}
	t.Run("OnlyWhileOpen", func(t *testing.T) {
		rule.Checks(t, "P-23")
		closed := h.New(t, newDir(t))
		if _, err := storage.SpaceOf(t.Context(), closed); !errors.Is(err, plugins.ErrNotOpen) {
			t.Errorf("Space before Open = %v, want ErrNotOpen", err)
		}
		se := h.start(t)
		se.awaitSpace(false)
		if err := se.s.Close(se.ctx()); err != nil {
			t.Fatalf("Close: %v", err)
		}
		if _, err := storage.SpaceOf(se.ctx(), se.s); !errors.Is(err, plugins.ErrClosed) {
			t.Errorf("Space after Close = %v, want ErrClosed", err)
		}
	})
	t.Run("ShortAndWellAgain", func(t *testing.T) {
		rule.Checks(t, "ST-37", "ST-38")
		if h.Fill == nil {
			t.Skip("this lane cannot fill a disk")
		}
		se := h.start(t)
		se.append(entries(1, 3, 1)...)
		se.awaitSpace(false)
		h.Fill(t, se.opts.DataDir, true)
		se.awaitSpace(true)
		// The calls that a member cannot do without go on.
		se.append(entries(4, 3, 1)...)
		se.appendBatches(storage.Batch{HardState: storage.HardState{Term: 2, Vote: 3}, MustSync: true})
		se.reopen()
		se.awaitSpace(true)
		se.expectHardState(storage.HardState{Term: 2, Vote: 3})
		se.expectLog(entries(1, 6, 1)...)
		// Nothing is appended until it is well: the host refuses proposals.
		h.Fill(t, se.opts.DataDir, false)
		se.awaitSpace(false)
		se.append(entries(7, 3, 2)...)
	})
}

// awaitSpace asks until the store is short, or is not, as a host asks: a store
// may notice a moment later.
func (se *session) awaitSpace(short bool) {
	se.t.Helper()
	ctx := se.ctx()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		sp, err := storage.SpaceOf(ctx, se.s)
		if err != nil {
			se.t.Fatalf("Space: %v, want short of space: %t", err, short)
		}
		if sp.Short != (sp.Detail != "") || len(sp.Detail) > storage.MaxSpaceDetail {
			se.t.Fatalf("Space = %+v, want a detail of up to %d bytes if it is short, and none if not", sp, storage.MaxSpaceDetail)
		}
		if sp.Short == short {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			se.t.Fatalf("short of space is still %t after %v", sp.Short, patience)
		}
	}
}
