package storagetest

import (
	"errors"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

func (h Harness) testLock(t *testing.T) {
	t.Run("SecondOpenerIsRefused", func(t *testing.T) {
		rule.Checks(t, "ST-1", "ST-2")
		se := h.start(t)
		se.append(entries(1, 3, 1)...)
		for range 3 {
			second := h.New(t, se.opts.DataDir)
			_, err := second.Open(se.ctx(), se.opts)
			var locked *storage.LockedError
			if !errors.Is(err, storage.ErrLocked) || !errors.As(err, &locked) {
				t.Fatalf("second Open = %v, want a LockedError", err)
			}
			if locked.Holder == "" || locked.Path == "" {
				t.Errorf("the error names no holder or path: %v", err)
			}
			if err := second.Close(se.ctx()); err != nil {
				t.Errorf("Close of the refused store: %v", err)
			}
		}
		se.append(entries(4, 3, 1)...) // the first one is not disturbed
		se.expectLog(entries(1, 6, 1)...)
	})
	t.Run("CloseFreesIt", func(t *testing.T) {
		rule.Checks(t, "ST-1", "P-24")
		se := h.start(t)
		for range 10 {
			se.reopen()
		}
	})
	t.Run("DeathFreesIt", func(t *testing.T) {
		rule.Checks(t, "ST-1")
		if h.Kill == nil {
			t.Skip("this lane cannot kill a store")
		}
		se := h.start(t)
		for range 10 {
			se.crash()
		}
	})
}
