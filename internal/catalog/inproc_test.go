//go:build linux

package catalog_test

import (
	"errors"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// inprocSlot is a slot whose every start makes a new echoMachine, the last of
// which is made().
func inprocSlot(t *testing.T, log *logRecorder) (slot *catalog.Slot, made func() *echoMachine) {
	t.Helper()
	var last *echoMachine
	c := newCatalog(t, func(o *catalog.Options) {
		o.Logger = log.logger()
		o.Backends = []backend.Backend{backend.StateMachine("echo", func(env backend.Env) statemachine.StateMachine {
			env.Logger.Info("made")
			last = newEchoMachine()
			return last
		})}
	})
	spec := shipped()
	spec.Isolation = catalog.Inproc
	return mustSlot(t, c, spec), func() *echoMachine { return last }
}

func TestABackendInsideTheHostNeedsNoProcess(t *testing.T) {
	log := newLogRecorder()
	slot, made := inprocSlot(t, log)
	in := mustStart(t, slot)
	if in.StateMachine() != statemachine.StateMachine(made()) || in.PID() != 0 || in.Info().Name != "echo" || in.Storage() != nil {
		t.Errorf("instance %+v", in)
	}
	in.Ready()
	if got := slot.Status(); got.State != catalog.Ready || got.PID != 0 || got.Version != "1.2.3" {
		t.Errorf("status: %+v", got)
	}
	if record, ok := log.find("made"); !ok || record.attrs["plugin"] != "echo" || record.attrs["kind"] != "statemachine" {
		t.Errorf("the backend's own log: %+v", record)
	}
	if left := children(t); len(left) > 0 {
		t.Errorf("processes: %v", left)
	}
	if err := in.Stop(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
	await(t, "done", in.Done())
	if err := in.Err(); err != nil {
		t.Errorf("err after a stop: %v", err)
	}
	if err := in.Stop(t.Context()); err != nil {
		t.Errorf("second stop: %v", err)
	}
}

func TestAKilledBackendInsideTheHostIsClosedBeforeTheNextOne(t *testing.T) {
	slot, made := inprocSlot(t, newLogRecorder())
	in := mustStart(t, slot)
	first := made()
	in.Kill()
	await(t, "done", in.Done())
	if err := in.Err(); !errors.Is(err, plugins.ErrGone) {
		t.Errorf("err: %v", err)
	}
	again := mustStart(t, slot)
	if made() == first {
		t.Error("the same backend again")
	}
	select {
	case <-first.closed:
	default:
		t.Error("the killed backend was not closed before the next one was made")
	}
	in.Kill()
	select {
	case <-again.Done():
		t.Error("killing the old instance ended the new one")
	default:
	}
	if got := slot.Status().Restarts; got != 1 {
		t.Errorf("%d restarts", got)
	}
}
