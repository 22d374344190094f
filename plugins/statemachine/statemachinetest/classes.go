package statemachinetest

import (
	"bytes"
	"slices"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// testClasses holds a state machine without a statemachine.Classer to nothing: it
// has no classes, at every call.
func testClasses(t *testing.T, h Harness) {
	t.Run("the list is one that a host takes", func(t *testing.T) {
		rule.Checks(t, "SM-4")
		if err := statemachine.CheckClasses(classesOf(open(t, h).sm)); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("the list stays the same", func(t *testing.T) {
		rule.Checks(t, "SM-4")
		in := open(t, h)
		first := classesOf(in.sm)
		sameClasses(t, "asked again", first, classesOf(in.sm))
		in.advance(3)
		sameClasses(t, "after 3 entries", first, classesOf(in.sm))
		other := open(t, h)
		sameClasses(t, "on another member", first, classesOf(other.sm))
		other.restore(in.applied, in.snapshot())
		sameClasses(t, "after a Restore", first, classesOf(other.sm))
	})
}

// classesOf is a copy: a list that changes later is not to change it.
func classesOf(sm statemachine.StateMachine) (list []statemachine.Class) {
	c, ok := sm.(statemachine.Classer)
	if !ok {
		return nil
	}
	for _, class := range c.Classes() {
		class.Prefix = bytes.Clone(class.Prefix)
		list = append(list, class)
	}
	return list
}

func sameClasses(t *testing.T, when string, want, got []statemachine.Class) {
	t.Helper()
	same := slices.EqualFunc(want, got, func(a, b statemachine.Class) bool {
		return bytes.Equal(a.Prefix, b.Prefix) && a.Query == b.Query && a.Role == b.Role
	})
	if !same {
		t.Fatalf("%s: %d classes %v, were %d: %v", when, len(got), got, len(want), want)
	}
}
