package storagetest

import (
	"errors"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

func (h Harness) testHardState(t *testing.T) {
	h.restarts(t, func(t *testing.T, restart func(*session)) {
		vote := storage.HardState{Term: 7, Vote: 3}

		t.Run("AloneIsKept", func(t *testing.T) {
			rule.Checks(t, "ST-5", "ST-9")
			se := h.start(t)
			se.appendBatches(storage.Batch{HardState: vote, MustSync: true})
			restart(se)
			se.expectHardState(vote)
			se.expectBounds(1, 0, boundary(0, 0))
		})
		t.Run("ComesWithItsEntries", func(t *testing.T) {
			rule.Checks(t, "ST-10")
			se := h.start(t)
			hs := storage.HardState{Term: 7, Vote: 3, Commit: 2}
			se.appendBatches(storage.Batch{Entries: entries(1, 3, 7), HardState: hs, MustSync: true})
			restart(se)
			se.expectHardState(hs)
			se.expectLog(entries(1, 3, 7)...)
		})
		t.Run("ZeroMeansUnchanged", func(t *testing.T) {
			rule.Checks(t, "ST-13")
			se := h.start(t)
			se.appendBatches(storage.Batch{HardState: vote, MustSync: true})
			se.append(entries(1, 2, 7)...)
			se.appendBatches(storage.Batch{MustSync: true})
			restart(se)
			se.expectHardState(vote)
		})
		t.Run("TheLastOneCounts", func(t *testing.T) {
			rule.Checks(t, "ST-5")
			se := h.start(t)
			for term := uint64(1); term <= 20; term++ {
				se.appendBatches(storage.Batch{HardState: storage.HardState{Term: term, Vote: term % 3}, MustSync: true})
			}
			restart(se)
			se.expectHardState(storage.HardState{Term: 20, Vote: 2})
		})
		t.Run("OneThatFallsIsRefusedOrKept", func(t *testing.T) {
			rule.Checks(t, "ST-13", "ST-16")
			for name, falls := range map[string]storage.HardState{
				"Term": {Term: 6, Vote: 1, Commit: 4}, "Commit": {Term: 7, Vote: 3, Commit: 2},
			} {
				t.Run(name, func(t *testing.T) {
					se := h.start(t)
					want := storage.HardState{Term: 7, Vote: 3, Commit: 3}
					se.appendBatches(storage.Batch{Entries: entries(1, 4, 6), HardState: want, MustSync: true})
					err := se.s.Append(se.ctx(), []storage.Batch{{HardState: falls, MustSync: true}})
					if err == nil {
						want = falls
					} else if !errors.Is(err, plugins.ErrInvalidArgument) {
						t.Fatalf("Append = %v, want ErrInvalidArgument", err)
					}
					restart(se)
					se.expectHardState(want)
					se.expectLog(entries(1, 4, 6)...)
				})
			}
		})
		t.Run("CommitAloneMayLagButNotLead", func(t *testing.T) {
			rule.Checks(t, "ST-5", "ST-11")
			se := h.start(t)
			se.appendBatches(storage.Batch{Entries: entries(1, 9, 7), HardState: vote, MustSync: true})
			for commit := uint64(1); commit <= 9; commit++ {
				se.appendBatches(storage.Batch{HardState: storage.HardState{Term: 7, Vote: 3, Commit: commit}})
			}
			restart(se)
			got := se.state.HardState
			if got.Term != 7 || got.Vote != 3 || got.Commit > 9 {
				t.Errorf("hard state is %+v, want term 7, vote 3, commit at most 9", got)
			}
			se.expectLog(entries(1, 9, 7)...)
		})
		t.Run("SyncCoversWhatCameBefore", func(t *testing.T) {
			rule.Checks(t, "ST-11")
			se := h.start(t)
			se.appendBatches(storage.Batch{Entries: entries(1, 4, 7), MustSync: true})
			se.appendBatches(storage.Batch{HardState: storage.HardState{Term: 7, Vote: 1, Commit: 3}})
			se.append(entries(5, 1, 7)...)
			restart(se)
			se.expectHardState(storage.HardState{Term: 7, Vote: 1, Commit: 3})
			se.expectLog(entries(1, 5, 7)...)
		})
	})
}

func (se *session) expectHardState(want storage.HardState) {
	se.t.Helper()
	if se.state.HardState != want {
		se.t.Fatalf("hard state is %+v, want %+v", se.state.HardState, want)
	}
}
