package catalog

import (
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
)

// Occupation is the long work of a plugin, by its own word.
type Occupation = pluginrpc.Occupation

// Status is a slot's state at one moment.
type Status struct {
	Kind plugins.Kind
	// Name and Version are what the plugin said of itself when it last ran;
	// before that, Name is the configured name or path.
	Name, Version string
	// PID is 0 if there is no process.
	PID   int
	State State
	// Attached: it was started elsewhere.
	Attached bool
	// Restarts counts the starts after the first.
	Restarts int
	// Generation is the number of the present life, or of the last one; 0 before there
	// was one.
	Generation int
	// LastExit is how the last life that has ended did; empty if none has.
	LastExit string
	// Missed counts the probes that were not answered in time.
	Missed uint64
	// LastError says why the plugin ended or failed to start, the first time
	// since it last got anywhere, and how often it did so again; empty if it never
	// did.
	LastError string
	// Work is the plugin's long work, by its own word.
	Work Occupation
}

// Status returns the slot's state.
func (s *Slot) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{
		Kind: s.plan.kind, Name: s.info.Name, Version: s.info.Version,
		State: s.state, Attached: s.plan.attach != "", Restarts: max(0, s.starts-1), Missed: s.missed.Load(),
		Generation: s.starts, LastExit: s.lastExit,
	}
	if s.current != nil && !s.current.isDone() {
		st.PID = s.current.PID()
		st.Work = s.current.Occupation()
	}
	st.LastError = s.causes.Error()
	return st
}
