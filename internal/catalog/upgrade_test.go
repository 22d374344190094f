//go:build linux

package catalog_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/pluginlock"
	"github.com/pontoon-raft/pontoon/plugins"
)

// twoVersions is a catalog of plugins with two versions of the echo, of which the first is
// pinned, and what a slot of it is made from.
func twoVersions(t *testing.T) (pluginlock.Catalog, catalog.Spec) {
	t.Helper()
	lock, err := pluginlock.At(filepath.Join(t.TempDir(), "plugins"))
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"1.0", "2.0"} {
		script := "#!/bin/sh\n# " + version + "\nexec '" + ownPath(t) + "' fake-plugin echo\n"
		s, err := lock.Stage(t.Context(), writeFile(t, "echo", script, 0o755))
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = s.Commit(t.Context(), "statemachine", "echo", version, nil)
		if s.Discard(); err != nil {
			t.Fatal(err)
		}
	}
	return lock, catalog.Spec{Kind: plugins.StateMachine, Name: "echo", Catalog: lock.Dir(), StartTimeout: patience, Env: quickExit()}
}

func mustPin(t *testing.T, lock pluginlock.Catalog, version string) {
	t.Helper()
	if _, err := lock.Pin(t.Context(), "statemachine", "echo", version); err != nil {
		t.Fatal(err)
	}
}

func mustPrepare(t *testing.T, slot *catalog.Slot, next *catalog.Next) {
	t.Helper()
	if _, err := slot.Prepare(t.Context(), next); err != nil {
		t.Fatal(err)
	}
}

// secondPinned is a slot whose first version runs, one beside it that has not been started,
// and the second version, which is pinned.
func secondPinned(t *testing.T) (lock pluginlock.Catalog, slot, beside *catalog.Slot, first *catalog.Instance, next *catalog.Next) {
	t.Helper()
	lock, spec := twoVersions(t)
	c := newCatalog(t, nil)
	slot, beside = mustSlot(t, c, spec), mustSlot(t, c, spec)
	first = mustStart(t, slot)
	first.Ready()
	mustPin(t, lock, "2.0")
	next, err := slot.Next()
	if err != nil || slot.Runs(next) {
		t.Fatalf("%v, runs %t", err, slot.Runs(next))
	}
	return lock, slot, beside, first, next
}

// The host has not begun to replace a plugin that ends by itself, and says so to those who
// asked for another version: that one is not started, and its file is let go.
func TestAPluginThatEndsByItselfIsNotReplacedByAnotherVersion(t *testing.T) {
	lock, slot, _, first, next := secondPinned(t)
	mustPrepare(t, slot, next)
	mustPin(t, lock, "1.0")
	if _, err := lock.Remove("statemachine", "echo", "2.0"); !errors.Is(err, pluginlock.ErrInUse) {
		t.Errorf("the version that is prepared is removed: %v", err)
	}
	first.Kill()
	await(t, "the end of the first", first.Done())
	again := mustStart(t, slot)
	if slot.Runs(next) || slot.OnTrial() || len(children(t)) != 1 {
		t.Errorf("pid %d runs the other version: on trial %t, processes %v", again.PID(), slot.OnTrial(), children(t))
	}
	if _, err := lock.Remove("statemachine", "echo", "2.0"); err != nil {
		t.Errorf("the version that was not started is held: %v", err)
	}
}

// A restart says nothing against a version on trial. Its end by itself does, and from then
// on it does not run, though no other one has started yet. A slot that follows starts the
// same in each case.
func TestAVersionOnTrialStaysSoAtARestart(t *testing.T) {
	_, slot, beside, first, next := secondPinned(t)
	replace := func(old *catalog.Instance, next *catalog.Next) *catalog.Instance {
		t.Helper()
		mustPrepare(t, slot, next)
		old.Retiring()
		if err := old.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		in := mustStart(t, slot)
		in.Ready()
		return in
	}
	follows := func(sum string) {
		t.Helper()
		if err := beside.Follow(slot); err != nil {
			t.Fatal(err)
		}
		if err := mustStart(t, beside).Stop(t.Context()); err != nil || beside.SHA256() != sum {
			t.Errorf("the slot that follows: %v, sha256 %s, want %s", err, beside.SHA256(), sum)
		}
	}
	second := replace(first, next)
	follows(next.SHA256())
	if !slot.Runs(next) || !slot.OnTrial() {
		t.Errorf("after the upgrade: runs %t, on trial %t", slot.Runs(next), slot.OnTrial())
	}
	third := replace(second, nil)
	if !slot.Runs(next) || !slot.OnTrial() || slot.SHA256() != next.SHA256() {
		t.Errorf("after a restart: runs %t, on trial %t, sha256 %s", slot.Runs(next), slot.OnTrial(), slot.SHA256())
	}
	third.Kill()
	await(t, "the end of the third", third.Done())
	if slot.Runs(next) || slot.OnTrial() {
		t.Errorf("after its end: runs %t, on trial %t", slot.Runs(next), slot.OnTrial())
	}
	mustStart(t, slot)
	if slot.SHA256() == next.SHA256() {
		t.Error("it was started again")
	}
	follows(slot.SHA256())
}
