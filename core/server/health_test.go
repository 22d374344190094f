package server

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/core/node"
)

// A raft goroutine that does not tick makes the member not live, not ready, and
// its status say so.
func TestNotReadyWithoutTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		if err := w.s.Ready(); !errors.Is(err, ErrNoLeader) {
			t.Fatalf("a young node is not ready because of %v, want %v", err, ErrNoLeader)
		}
		time.Sleep(election + 2*tick) // of the bubble
		err := w.s.Ready()
		if w.s.Live() == nil || err == nil || !strings.Contains(err.Error(), "the raft goroutine ticked 1.2s ago") {
			t.Errorf("live %v, ready %v, want the age of the last tick", w.s.Live(), err)
		}
		st := w.s.Status()
		if st.TickAge != election+2*tick || len(st.Warnings) != 1 || st.Warnings[0].Reason != WarnRaftStalled {
			t.Errorf("last tick %v ago, warnings %v", st.TickAge, st.Warnings)
		}
	})
}

// A leader's word on the age of its oldest uncommitted entry that is out of
// range hides nothing of what this member sees itself.
func TestAgeOutOfRangeHidesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		for _, says := range []uint64{0, 1 << 56, 1 << 60, 1 << 62, 1<<64 - 1} {
			if err := w.s.committing(node.State{UncommittedTicks: 1000, LeaderUncommittedTicks: says}); err == nil {
				t.Errorf("the leader says %d: an entry that is 100 s old counts as committed", says)
			}
		}
	})
}
