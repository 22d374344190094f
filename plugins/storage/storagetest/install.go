package storagetest

import (
	"errors"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

func (h Harness) testInstall(t *testing.T) {
	hs := storage.HardState{Term: 6, Vote: 2, Commit: 100}

	h.restarts(t, func(t *testing.T, restart func(*session)) {
		t.Run("StartsTheLogAnew", func(t *testing.T) {
			rule.Checks(t, "ST-35")
			se := h.start(t)
			se.append(entries(1, 50, 1)...)
			se.save(meta(20, 1), false, []byte("own"))
			se.save(meta(100, 5), true, []byte("of a peer"))
			if err := se.s.InstallSnapshot(se.ctx(), 100, hs); err != nil {
				t.Fatalf("InstallSnapshot: %v", err)
			}
			se.expectInstalled(100)
			restart(se)
			se.expectHardState(hs)
			se.expectBounds(101, 100, boundary(100, 5))
			se.expectInstalled(100)
			se.expectList(20, 100)
			se.expectSnapshot(0, meta(100, 5), []byte("of a peer"))
		})
		t.Run("TheLogGoesOnBehindIt", func(t *testing.T) {
			rule.Checks(t, "ST-35", "ST-14")
			se := h.start(t)
			se.save(meta(100, 5), true, nil)
			if err := se.s.InstallSnapshot(se.ctx(), 100, hs); err != nil {
				t.Fatalf("InstallSnapshot: %v", err)
			}
			se.refuse(plugins.ErrInvalidArgument, storage.Batch{Entries: entries(1, 1, 6), MustSync: true})
			se.refuse(plugins.ErrInvalidArgument, storage.Batch{Entries: entries(100, 1, 6), MustSync: true})
			se.refuse(plugins.ErrInvalidArgument, storage.Batch{Entries: entries(101, 1, 4), MustSync: true})
			se.append(entries(101, 10, 6)...)
			restart(se)
			se.expectBounds(101, 110, boundary(100, 5), boundary(101, 6))
			se.expectLog(entries(101, 10, 6)...)
		})
		t.Run("Twice", func(t *testing.T) {
			rule.Checks(t, "ST-35", "ST-30")
			se := h.start(t)
			for _, index := range []uint64{100, 300} {
				se.save(meta(index, 5), true, []byte{byte(index)})
				if err := se.s.InstallSnapshot(se.ctx(), index, storage.HardState{Term: 6, Commit: index}); err != nil {
					t.Fatalf("InstallSnapshot: %v", err)
				}
				se.append(entries(index+1, 20, 6)...)
			}
			restart(se)
			se.expectBounds(301, 320, boundary(300, 5), boundary(301, 6))
			se.expectLog(entries(301, 20, 6)...)
			se.expectList(100, 300)
		})
	})
	t.Run("Refused", func(t *testing.T) {
		rule.Checks(t, "ST-36")
		se := h.start(t)
		log := entries(1, 50, 1)
		se.appendBatches(storage.Batch{Entries: log, HardState: storage.HardState{Term: 1, Commit: 40}, MustSync: true})
		se.save(meta(100, 5), true, nil)
		se.save(meta(30, 1), true, nil)
		for _, c := range []struct {
			name  string
			index uint64
			hs    storage.HardState
			want  error
		}{
			{"one that does not exist", 99, hs, storage.ErrNoSnapshot},
			{"commit beyond it", 100, storage.HardState{Term: 6, Commit: 101}, plugins.ErrInvalidArgument},
		} {
			if err := se.s.InstallSnapshot(se.ctx(), c.index, c.hs); !errors.Is(err, c.want) {
				t.Errorf("%s: InstallSnapshot = %v, want %v", c.name, err, c.want)
			}
		}
		if err := se.s.InstallSnapshot(se.ctx(), 30, storage.HardState{Term: 1, Commit: 30}); err == nil {
			t.Error("a snapshot below the commit index was installed")
		}
		se.expectLog(log...)
		se.reopen()
		se.expectLog(log...)
	})
}

// expectInstalled expects an empty log after index.
func (se *session) expectInstalled(index uint64) {
	se.t.Helper()
	if _, err := se.s.Read(se.ctx(), index, index+1, 1); !errors.Is(err, storage.ErrCompacted) {
		se.t.Fatalf("Read of entry %d = %v, want ErrCompacted", index, err)
	}
	if _, err := se.s.Read(se.ctx(), index+1, index+2, 1); !errors.Is(err, storage.ErrUnavailable) {
		se.t.Fatalf("Read of entry %d = %v, want ErrUnavailable", index+1, err)
	}
}
