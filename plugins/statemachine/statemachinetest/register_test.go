package statemachinetest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRegister(t *testing.T) {
	statemachinetest.Run(t, statemachinetest.RegisterHarness(func(testing.TB) statemachine.StateMachine {
		return versioned()
	}))
}

// A Register on a disk keeps what it calls durable.
func TestRegisterOnDisk(t *testing.T) { statemachinetest.Run(t, onDisk(versioned)) }

// onDisk is the harness of Registers that create makes, on a disk of their own.
func onDisk(create func() *statemachinetest.Register) statemachinetest.Harness {
	disk := statemachinetest.NewDisk()
	h := statemachinetest.RegisterHarness(func(testing.TB) statemachine.StateMachine {
		r := create()
		r.KeepOn(disk)
		return r
	})
	h.Durable = true
	h.Kill = func(_ testing.TB, sm statemachine.StateMachine) { sm.(*statemachinetest.Register).Crash() }
	h.LosePower = func(_ testing.TB, sm statemachine.StateMachine) { sm.(*statemachinetest.Register).LosePower() }
	return h
}

// versioned is a Register that applies two versions of commands.
func versioned() *statemachinetest.Register {
	r := statemachinetest.NewRegister()
	r.Announce(plugins.Versions{Least: 1, Greatest: 2})
	r.AnnounceHash("digest")
	return r
}

func TestRegisterRemembersEntriesInOrder(t *testing.T) {
	r := openRegister(t, statemachinetest.NewRegister())
	applyTo(t, r, 1, "a", "b")
	applyTo(t, r, 3, "refuse:never", "c")
	want := []statemachine.Entry{{Index: 1, Data: []byte("a")}, {Index: 2, Data: []byte("b")}, {Index: 4, Data: []byte("c")}}
	if got := r.Entries(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("Entries = %v, want %v", got, want)
	}
	if err := r.WaitApplied(t.Context(), 4); err != nil {
		t.Error(err)
	}
}

func TestRegisterCanBeHeldAndCrashed(t *testing.T) {
	r := openRegister(t, statemachinetest.NewRegister())
	applyTo(t, r, 1, "a")
	waiting, release := r.Hold()
	defer release()
	failed := make(chan error, 1)
	go func() {
		_, err := r.Apply(context.Background(), statemachine.Batch{Entries: []statemachine.Entry{{Index: 2}}, Through: 2})
		failed <- err
	}()
	<-waiting
	r.Crash()
	if err := <-failed; !errors.Is(err, plugins.ErrGone) {
		t.Errorf("held Apply after a crash: %v, want %v", err, plugins.ErrGone)
	}
	if _, err := r.Query(t.Context(), []byte("count")); !errors.Is(err, plugins.ErrGone) {
		t.Errorf("Query after a crash: %v, want %v", err, plugins.ErrGone)
	}
	next := r.Successor()
	if applied, err := next.Open(t.Context(), plugins.Options{}); applied != 1 || err != nil {
		t.Errorf("Open of the successor = %d, %v, want 1", applied, err)
	}
}

func TestRegisterFailsOnce(t *testing.T) {
	r := openRegister(t, statemachinetest.NewRegister())
	boom := errors.New("boom")
	r.FailNext(boom)
	if _, err := r.Apply(t.Context(), statemachine.Batch{Through: 1}); !errors.Is(err, boom) {
		t.Errorf("Apply: %v, want %v", err, boom)
	}
	applyTo(t, r, 1, "a")
}

func openRegister(t *testing.T, r *statemachinetest.Register) *statemachinetest.Register {
	t.Helper()
	if _, err := r.Open(t.Context(), plugins.Options{}); err != nil {
		t.Fatal(err)
	}
	return r
}

func applyTo(t *testing.T, r *statemachinetest.Register, from uint64, data ...string) {
	t.Helper()
	b := statemachine.Batch{Through: from + uint64(len(data)) - 1}
	for i, d := range data {
		b.Entries = append(b.Entries, statemachine.Entry{Index: from + uint64(i), Data: []byte(d)})
	}
	if _, err := r.Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}
