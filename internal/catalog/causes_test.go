//go:build linux

package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// kill9 kills a plugin as the kernel or an operator does.
func kill9(t *testing.T, in *catalog.Instance) {
	t.Helper()
	if err := syscall.Kill(in.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "done", in.Done())
}

// contains checks that an error says all of these.
func contains(t *testing.T, what string, err error, words ...string) {
	t.Helper()
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("%s does not say %q: %v", what, w, err)
		}
	}
}

// opened opens the state machine of an instance, and its pipeline.
func opened(t *testing.T, in *catalog.Instance) statemachine.Applier {
	t.Helper()
	if _, err := in.StateMachine().Open(t.Context(), plugins.Options{Limits: plugins.DefaultLimits(), Group: 1, Incarnation: 1}); err != nil {
		t.Fatal(err)
	}
	a, err := statemachine.OpenApplier(t.Context(), in.StateMachine())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func submit(a statemachine.Applier, index uint64, text string) error {
	return a.Submit(statemachine.Batch{Through: index, Entries: []statemachine.Entry{{Index: index, Data: []byte(text)}}}, false)
}

// The first cause of a plugin's end is shown to the operator, in the status
// and in the error at the end, however often the plugin ended in another way
// since.
func TestTheFirstCauseIsShown(t *testing.T) {
	c := newCatalog(t, func(o *catalog.Options) { o.CrashLoop = catalog.CrashLoop{Exits: 3} })
	slot := mustSlot(t, c, fakePlugin(t, "logs"))
	in := mustStart(t, slot)
	first := in.PID()
	if err := syscall.Kill(first, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	await(t, "done", in.Done())
	for range 3 {
		in = mustStart(t, slot)
		in.Fail(errors.New("answered nonsense"))
		await(t, "done", in.Done())
	}
	want := []string{
		fmt.Sprintf("(pid %d): ended by signal 15", first), "from hclog",
		fmt.Sprintf("and 3 more times, last: pid %d: killed by the host: answered nonsense", in.PID()),
	}
	_, err := slot.Start(t.Context())
	if !errors.Is(err, catalog.ErrCrashLoop) {
		t.Fatalf("start after 4 crashes: %v", err)
	}
	contains(t, "the last error", err, append(want, "4 times in a row")...)
	contains(t, "the status", errors.New(slot.Status().LastError), want...)
}

// Lives that got further never make a crash loop, and make the next cause the
// first one.
func TestProgressEndsARowOfCrashes(t *testing.T) {
	c := newCatalog(t, func(o *catalog.Options) { o.CrashLoop = catalog.CrashLoop{Exits: 2} })
	slot := mustSlot(t, c, shipped())
	for round := range 8 {
		in := mustStart(t, slot)
		if round%2 == 0 {
			in.Progressed()
		}
		kill9(t, in)
	}
	if got := slot.Status(); got.State != catalog.Waiting || !strings.Contains(got.LastError, "and 1 more time,") {
		t.Errorf("status: %+v", got)
	}
	kill9(t, mustStart(t, slot))
	kill9(t, mustStart(t, slot))
	if _, err := slot.Start(t.Context()); !errors.Is(err, catalog.ErrCrashLoop) {
		t.Errorf("start after 3 lives that came to nothing: %v", err)
	}
}

// Calls that a plugin's end breaks say how it ended: code, pid and last words.
func TestABrokenCallSaysHowTheProcessEnded(t *testing.T) {
	for lane, spec := range map[string]catalog.Spec{"frames": shipped(), "grpc": fakePlugin(t, "echo")} {
		for name, broken := range map[string]func(*testing.T, *catalog.Instance) error{
			"apply": func(t *testing.T, in *catalog.Instance) error {
				a := opened(t, in)
				if err := submit(a, 8, "exit"); err != nil {
					t.Fatal(err)
				}
				_, err := a.Recv()
				return err
			},
			"query": func(t *testing.T, in *catalog.Instance) error {
				opened(t, in)
				_, err := in.StateMachine().Query(t.Context(), []byte("exit"))
				return err
			},
		} {
			t.Run(name+" over "+lane, func(t *testing.T) {
				in := mustStart(t, mustSlot(t, newCatalog(t, nil), spec))
				err := broken(t, in)
				if !errors.Is(err, plugins.ErrGone) {
					t.Errorf("%v, want %v", err, plugins.ErrGone)
				}
				contains(t, "the call's error", err, "exited with code 3", fmt.Sprintf("pid %d", in.PID()), "cannot go on")
			})
		}
	}
}

// An answer that only sounds like a broken connection is passed on as it is:
// the plugin lives.
func TestAGivenUpCallIsNotExplained(t *testing.T) {
	in := mustStart(t, mustSlot(t, newCatalog(t, nil), shipped()))
	opened(t, in)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := in.StateMachine().Query(ctx, []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("query: %v", err)
	}
}

// The stacks of a plugin that is declared hung reach the log, although its
// user kills it as soon as it hears of that.
func TestTheStacksOfAPluginThatHangsInACallGoToTheLog(t *testing.T) {
	log := newLogRecorder()
	c := newCatalog(t, func(o *catalog.Options) { o.Logger = log.logger() })
	slot := mustSlot(t, c, shipped())
	in := mustStart(t, slot)
	a := opened(t, in)
	if err := submit(a, 8, "hang"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the plugin hangs", func() bool { _, ok := log.find("hanging"); return ok })
	in.Fail(fmt.Errorf("has not answered an apply for a while: %w", catalog.ErrHung))
	if _, err := a.Recv(); err == nil {
		t.Error("a hung apply was answered")
	} else {
		contains(t, "the call's error", err, "has not answered an apply")
	}
	await(t, "declared hung", in.Done())
	in.Kill()
	in.Fail(errors.New("the user's own reason"))
	mustStart(t, slot) // waits until all of the other one is gone
	found := false
	for _, r := range log.all() {
		found = found || strings.Contains(r.message, "catalog_test.deadlocked")
	}
	if !found {
		t.Errorf("the stacks are not in the log: %+v", log.all())
	}
	contains(t, "the status", errors.New(slot.Status().LastError), "has not answered an apply for a while")
}

// A plugin that the kernel or an operator kills is never said to have been
// killed by its host, which notices the broken stream and ends the plugin
// before it can be seen that the process is gone; and the other way round.
func TestForeignKillsAreToldFromTheHostsOwn(t *testing.T) {
	const slots = 4
	kills := 100 / slots
	if testing.Short() {
		kills = 5
	}
	c := newCatalog(t, nil)
	var users sync.WaitGroup
	for n := range slots {
		slot := mustSlot(t, c, shipped())
		users.Go(func() {
			for round := range kills {
				in, err := slot.Start(t.Context())
				if err != nil {
					t.Errorf("start: %v", err)
					return
				}
				in.Progressed()
				if err := syscall.Kill(in.PID(), syscall.SIGKILL); err != nil {
					t.Errorf("kill: %v", err)
				}
				if round%2 == 0 {
					in.Kill() // a host that is as quick as can be
				}
				await(t, "done", in.Done())
				contains(t, fmt.Sprintf("slot %d, kill %d", n, round), in.Err(), "killed by signal 9, not by this host")
				if in, err = slot.Start(t.Context()); err != nil {
					t.Errorf("start: %v", err)
					return
				}
				in.Progressed()
				in.Kill()
				await(t, "done", in.Done())
				contains(t, fmt.Sprintf("slot %d, the host's kill %d", n, round), in.Err(), "killed by the host")
			}
		})
	}
	users.Wait()
}

// Signals that come from outside, and unanswered probes, say nothing of what a plugin was
// asked to do; its own faults, its exit, and what its host ended it for do.
func TestEndsFromOutside(t *testing.T) {
	for _, x := range []struct {
		exit    catalog.ExitError
		outside bool
	}{
		{catalog.ExitError{Code: -1, Signal: syscall.SIGKILL}, true},
		{catalog.ExitError{Code: -1, Signal: syscall.SIGTERM}, true},
		{catalog.ExitError{Code: -1, Signal: syscall.SIGSEGV}, false},
		{catalog.ExitError{Code: -1, Signal: syscall.SIGABRT}, false},
		{catalog.ExitError{Code: 2}, false},
		{catalog.ExitError{Code: 0}, false},
		{catalog.ExitError{Code: -1, Signal: syscall.SIGKILL, Reason: "killed by the host: broke its contract"}, false},
		{catalog.ExitError{Code: 2, Reason: "has not answered an apply"}, false},
		{catalog.ExitError{Code: -1, Reason: "did not answer 3 probes", Unprobed: true}, true},
	} {
		if got := x.exit.FromOutside(); got != x.outside {
			t.Errorf("%v is from outside: %v, want %v", &x.exit, got, x.outside)
		}
	}
}
