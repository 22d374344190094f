package core

import (
	"context"
	"errors"
	"sync"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// machineSource starts the state machine plugin for the server.
type machineSource struct {
	h *Host

	mu      sync.Mutex
	machine *runningMachine // the one that was started last; nil if none was
}

// runningMachine is an opened state machine plugin.
type runningMachine struct {
	statemachine.StateMachine
	host     *Host
	instance *catalog.Instance
	applied  uint64
	dir      string // its data directory
	classes  []access.Class
}

// Applied implements server.RunningStateMachine.
func (m *runningMachine) Applied() uint64 { return m.applied }

// Done implements server.RunningStateMachine.
func (m *runningMachine) Done() <-chan struct{} { return m.instance.Done() }

// Err implements server.RunningStateMachine.
func (m *runningMachine) Err() error { return m.instance.Err() }

// FromOutside implements server.RunningStateMachine.
func (m *runningMachine) FromOutside() bool {
	var exit *catalog.ExitError
	return errors.As(m.instance.Err(), &exit) && exit.FromOutside()
}

// Fail implements server.RunningStateMachine.
func (m *runningMachine) Fail(reason error) { m.instance.Fail(reason) }

// Retire implements server.RunningStateMachine.
func (m *runningMachine) Retire() {
	ctx, cancel := m.host.untilForced()
	defer cancel()
	m.host.syncMachine(ctx, m.instance)
	m.host.retire(m.instance, m.StateMachine.Close)
}

// Progressed implements server.RunningStateMachine.
func (m *runningMachine) Progressed() { m.instance.Progressed() }

// Applier passes on the pipeline of the plugin's connection, which embedding
// the interface would hide.
func (m *runningMachine) Applier(ctx context.Context) (statemachine.Applier, error) {
	return statemachine.OpenApplier(ctx, m.StateMachine)
}

// NextTimer passes on the plugin's timer, for the same reason.
func (m *runningMachine) NextTimer() uint64 { return statemachine.NextTimer(m.StateMachine) }

// StateHash passes on the hash of the plugin's state, for the same reason.
func (m *runningMachine) StateHash() []byte { return statemachine.StateHash(m.StateMachine) }

// DurableIndex passes on the plugin's durable index, for the same reason.
func (m *runningMachine) DurableIndex() uint64 { return statemachine.DurableIndex(m.StateMachine) }

// Sync passes on a sync of the plugin's state, for the same reason.
func (m *runningMachine) Sync(ctx context.Context) (uint64, error) {
	return statemachine.Sync(ctx, m.StateMachine)
}

// QueryStream passes on the plugin's answers in chunks, for the same reason.
func (m *runningMachine) QueryStream(ctx context.Context, query []byte, send func([]byte) error) error {
	return statemachine.QueryStream(ctx, m.StateMachine, query, send)
}

// open opens the plugin of an instance.
func (m *runningMachine) open(ctx context.Context, in *catalog.Instance, opts plugins.Options) (err error) {
	m.instance, m.StateMachine, m.dir = in, in.StateMachine(), opts.DataDir
	if err := statemachine.CheckAnnounced(m.StateMachine); err != nil {
		return err
	}
	if m.applied, err = m.StateMachine.Open(ctx, opts); err != nil {
		return err
	}
	m.classes, err = classesOf(m.StateMachine)
	return err
}

// Start implements server.StateMachineSource.
func (s *machineSource) Start(ctx context.Context) (server.RunningStateMachine, error) {
	m := &runningMachine{host: s.h}
	_, err := s.h.launch(ctx, plugins.StateMachine, s.h.slots[plugins.StateMachine], s.h.cfg.StateMachine.Config, m.open)
	if err != nil {
		if isPermanent(err) {
			err = permanentError{err}
		}
		return nil, err
	}
	s.serves(m)
	return m, nil
}

// serves notes which state machine is the one that runs.
func (s *machineSource) serves(m *runningMachine) {
	s.h.adoptClasses(m.classes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.machine = m
}

// Forgive implements server.StateMachineSource.
func (s *machineSource) Forgive() { s.h.slots[plugins.StateMachine].Forgive() }

// permanentError adds to err that trying again does not help, and no words.
type permanentError struct{ error }

// Is makes errors.Is find server.ErrPermanent, and server.ErrCrashLoop where it is that.
func (e permanentError) Is(target error) bool {
	return target == server.ErrPermanent || target == server.ErrCrashLoop && errors.Is(e.error, catalog.ErrCrashLoop)
}

// Unwrap returns the error itself.
func (e permanentError) Unwrap() error { return e.error }

// current is the instance that was started last; nil if none was.
func (s *machineSource) current() *catalog.Instance {
	if m := s.running(); m != nil {
		return m.instance
	}
	return nil
}

func (s *machineSource) running() *runningMachine {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.machine
}
