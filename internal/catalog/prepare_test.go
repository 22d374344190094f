//go:build linux

package catalog_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/catalog"
)

// The next life of a slot is the process that was prepared, beside which the one before
// went on. One that no Start takes ends with Discard, or with the catalog.
func TestAPreparedProcessIsTheNextLife(t *testing.T) {
	c := newCatalog(t, nil)
	slot := mustSlot(t, c, shipped())
	first := mustStart(t, slot)
	first.Ready()
	info, err := slot.Prepare(t.Context(), nil)
	if err != nil || info.Name != "echo" {
		t.Fatalf("Prepare() = %v, %v", info, err)
	}
	if _, err := slot.Prepare(t.Context(), nil); !errors.Is(err, catalog.ErrRunning) {
		t.Errorf("a second Prepare: %v", err)
	}
	if st := slot.Status(); st.PID != first.PID() || st.State != catalog.Ready || st.Generation != 1 {
		t.Errorf("the one that runs: %+v", st)
	}
	if got := slot.Prepared(); got.Name != info.Name {
		t.Errorf("Prepared() = %v, want %v", got, info)
	}
	known := children(t)
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := mustStart(t, slot)
	if len(known) != 2 || !slices.Contains(known, second.PID()) || slot.Status().Generation != 2 || slot.Prepared().Name != "" {
		t.Errorf("pid %d was not prepared: %v; %+v", second.PID(), known, slot.Status())
	}

	if _, err := slot.Prepare(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	slot.Discard()
	if left := children(t); len(left) != 1 {
		t.Errorf("processes after Discard: %v", left)
	}
	if _, err := slot.Prepare(t.Context(), nil); err != nil { // Close ends it
		t.Fatal(err)
	}
}

// A process that is refused leaves the one that runs as it is, and nothing else.
func TestARefusedPreparationChangesNothing(t *testing.T) {
	c := newCatalog(t, nil)
	slot := mustSlot(t, c, fakePlugin(t, "describes-as=storage/tape"))
	before := slot.Status()
	if _, err := slot.Prepare(t.Context(), nil); err == nil {
		t.Fatal("a process that is no state machine was prepared")
	}
	if st := slot.Status(); st != before || len(children(t)) != 0 {
		t.Errorf("%+v, before %+v; processes %v", st, before, children(t))
	}
}

// A prepared process may run beside the current one. Its end is nothing until it has taken the
// place; then the end of the one before is nothing.
func TestAnInstanceBesideTakesThePlace(t *testing.T) {
	c := newCatalog(t, nil)
	slot := mustSlot(t, c, shipped())
	first := mustStart(t, slot)
	first.Ready()
	beside := func() *catalog.Instance {
		t.Helper()
		if _, err := slot.Prepare(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		in, err := slot.Beside()
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	before, useless := slot.Status(), beside()
	if _, err := slot.Beside(); !errors.Is(err, catalog.ErrRunning) {
		t.Errorf("a third: %v", err)
	}
	useless.Kill()
	<-useless.Done()
	if useless.TakePlace() {
		t.Error("one that has ended took the place")
	}
	if st := slot.Status(); st != before {
		t.Errorf("%+v after the end of one beside, before %+v", st, before)
	}

	second := beside()
	if !second.TakePlace() {
		t.Fatal("it did not take the place")
	}
	if st := slot.Status(); st.PID != second.PID() || st.State != catalog.Ready || st.Generation != 2 {
		t.Errorf("status is %+v", st)
	}
	if _, err := slot.Prepare(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := slot.Beside(); !errors.Is(err, catalog.ErrRunning) {
		t.Errorf("a third beside one that leaves: %v", err)
	}
	first.Kill()
	<-first.Done()
	if st := slot.Status(); st.State != catalog.Ready || st.LastError != "" || st.LastExit == "" {
		t.Errorf("after the end of the one before: %+v", st)
	}
}
