package main

import (
	"errors"
	"testing"
	"time"
)

// A host that knows of no member yet is not a cluster whose stores are all moved.
func TestNoMemberIsNotAllMembers(t *testing.T) {
	for _, force := range []bool{false, true} {
		if err := viewOf(nil).mayMove(nil, force); !errors.Is(err, errPrecondition) {
			t.Errorf("forced %v: %v", force, err)
		}
	}
}

// A member that was moved has time as long as it comes nearer to the goal. Entries after the goal
// give it no more: under load they have no end, and the member may be unwell.
func TestOnlyTheWayToTheGoalGivesTime(t *testing.T) {
	begin := time.Now()
	way := catchingUp{got: begin}
	for i, x := range []struct {
		commit, applied uint64
		nearer          bool
	}{{0, 0, false}, {0, 5, true}, {20, 5, false}, {25, 9, true}, {30, 9, false}, {30, 22, true}, {40, 30, false}, {50, 45, false}} {
		before, at := way.got, begin.Add(time.Duration(i+1)*time.Second)
		way.see(x.commit, x.applied, at)
		if nearer := way.got != before; nearer != x.nearer || way.isThere() != (x.applied >= 20) {
			t.Errorf("look %d: nearer %v, there %v", i, nearer, way.isThere())
		}
	}
}
