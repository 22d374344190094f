package core

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/pontoon-raft/pontoon/internal/patience"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// Beside implements server.StateMachineSource. A state machine that keeps something in its
// directory has it for itself alone, so that no other one is opened there.
func (s *machineSource) Beside(ctx context.Context) (server.RunningStateMachine, error) {
	m := s.running()
	if m == nil {
		return nil, fmt.Errorf("%w: no state machine runs", server.ErrNotBeside)
	}
	if why := m.isAlone(s.h.slots[plugins.StateMachine].Prepared()); why != "" {
		return nil, fmt.Errorf("%w: %s", server.ErrNotBeside, why)
	}
	in, err := s.h.slots[plugins.StateMachine].Beside()
	if err != nil {
		return nil, err
	}
	m = &runningMachine{host: s.h}
	opening, cancel := context.WithTimeout(ctx, patience.Open(s.h.cfg.Election))
	defer cancel()
	opts, err := s.h.options(in.Info(), s.h.cfg.StateMachine.Config)
	if err == nil {
		err = m.open(opening, in, opts)
	}
	if err != nil {
		return nil, fmt.Errorf("the next process could not be opened: %w", errors.Join(err, s.h.dismiss(in, nil)))
	}
	if m.applied > 0 {
		s.h.retire(in, m.StateMachine.Close)
		return nil, fmt.Errorf("%w: it keeps its state elsewhere than in its data directory (rule P-9), as it opened at entry %d", server.ErrNotBeside, m.applied)
	}
	return m, nil
}

// TakePlace implements server.RunningStateMachine.
func (m *runningMachine) TakePlace() bool {
	if !m.instance.TakePlace() {
		return false
	}
	m.host.machine.serves(m)
	return true
}

// isAlone says why the next state machine cannot be opened beside this one; empty if it can.
// The state of a durable one would outlive it if it did not take the place.
func (m *runningMachine) isAlone(next plugins.Info) string {
	if m.Describe().Has(statemachine.CapabilityDurable) {
		return fmt.Sprintf("it keeps its state in %s (capability %s)", m.dir, statemachine.CapabilityDurable)
	}
	if next.Has(statemachine.CapabilityDurable) {
		return fmt.Sprintf("the next one keeps its state in %s (capability %s)", m.dir, statemachine.CapabilityDurable)
	}
	if m.Describe().Has(plugins.CapabilityLeadership) {
		return fmt.Sprintf("it is told who leads (capability %s), and two would act upon it", plugins.CapabilityLeadership)
	}
	if m.applied > 0 {
		return fmt.Sprintf("it keeps its state from one process to the next, as it opened at entry %d", m.applied)
	}
	switch files, err := os.ReadDir(m.dir); {
	case err != nil:
		return fmt.Sprintf("its data directory cannot be read: %v", err)
	case len(files) > 0:
		return fmt.Sprintf("it keeps files in %s, as %q", m.dir, files[0].Name())
	}
	return ""
}
