package server

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
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
