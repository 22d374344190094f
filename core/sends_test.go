package core

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/pontoon-raft/pontoon/internal/node"
)

// One snapshot is on its way to a peer at a time. A newer one ends the one before it, which
// raft has forgotten, and begins when that has ended; raft hears of the newer one alone.
// Another peer's, and that for a state machine, are things of their own.
func TestOneSnapshotIsOnItsWayToAPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sends
		begin := func(to uint64, stateOnly bool) *sendOnce {
			return s.begin(t.Context(), node.SnapshotSend{To: 2, Index: to, StateOnly: stateOnly})
		}
		awaited := func(o *sendOnce) <-chan struct{} {
			done := make(chan struct{})
			go func() { s.await(o); close(done) }()
			return done
		}
		first := begin(1, false)
		<-awaited(first)
		other := s.begin(t.Context(), node.SnapshotSend{To: 3, Index: 1})
		<-awaited(other)

		second := begin(2, false)
		if cause := context.Cause(first.ctx); !errors.Is(cause, errNewerSend) {
			t.Errorf("the first goes on: %v", cause)
		}
		if other.ctx.Err() != nil || second.ctx.Err() != nil {
			t.Error("the wrong one has ended")
		}
		turn := awaited(second)
		synctest.Wait()
		select {
		case <-turn:
			t.Error("two are on their way at once")
		default:
		}
		if s.end(first) {
			t.Error("raft is told of the first, which it would take for the second")
		}
		<-turn
		if len(s.newest) != 2 {
			t.Errorf("%d peers are sent to, want 2", len(s.newest))
		}

		state := begin(3, true)
		turn = awaited(state)
		if !s.end(second) {
			t.Error("raft hears of the second only by its own report")
		}
		<-turn
		if !s.end(state) || !s.end(other) {
			t.Error("no report of one that no newer one has taken the place of")
		}
		if len(s.newest) != 0 {
			t.Errorf("%d peers are still known", len(s.newest))
		}
	})
}

// One that waits for two others, and is the third, has one report: its own.
func TestTheNewestOfManySnapshotsIsReported(t *testing.T) {
	var s sends
	all := []*sendOnce{}
	for i, stateOnly := range []bool{false, true, false} {
		all = append(all, s.begin(t.Context(), node.SnapshotSend{To: 2, Index: uint64(i), StateOnly: stateOnly}))
	}
	told := []bool{}
	for _, o := range all {
		s.await(o)
		told = append(told, s.end(o))
	}
	if told[0] || !told[1] || !told[2] {
		t.Errorf("reports %v, want those of the last of each kind", told)
	}
}
