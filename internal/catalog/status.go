package catalog

import (
	"fmt"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pluginrecord"
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
	// Held is for how long the host took nothing from the plugin because it had told too
	// much, and HeldLately that this was so within the last minute.
	Held       time.Duration
	HeldLately bool
	// LastError says why the plugin ended or failed to start, the first time
	// since it last got anywhere, and how often it did so again; empty if it never
	// did.
	LastError string
	// Work is the plugin's long work, by its own word.
	Work Occupation
	// Record has the figures of its record; nil if it is not recorded.
	Record *pluginrecord.Stats
}

// Status returns the slot's state.
func (s *Slot) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{
		Kind: s.plan.kind, Name: s.info.Name, Version: s.info.Version,
		State: s.state, Attached: s.plan.attach != "", Restarts: max(0, s.starts-1), Missed: s.missed.Load(),
		Generation: s.starts, LastExit: s.lastExit,
		Held: time.Duration(s.held.Load()), HeldLately: time.Since(time.Unix(0, s.heldAt.Load())) < time.Minute,
	}
	if s.current != nil && !s.current.isDone() {
		st.PID = s.current.PID()
		st.Work = s.current.Occupation()
	}
	st.LastError = s.causes.Error()
	st.Record = s.Record()
	return st
}

// otherwise says how a plugin describes itself now, if not as before; else it is empty.
func otherwise(was, is plugins.Info) string {
	var differs []string
	note := func(what string, was, is any) {
		if before, now := fmt.Sprintf("%v", was), fmt.Sprintf("%v", is); before != now {
			differs = append(differs, fmt.Sprintf("%s %s, was %s", what, now, before))
		}
	}
	note("name", was.Name, is.Name)
	note("version", was.Version, is.Version)
	note("capabilities", was.Capabilities, is.Capabilities)
	note("command versions", was.CommandVersions, is.CommandVersions)
	note("snapshot formats", was.SnapshotFormats, is.SnapshotFormats)
	note("hash", was.StateHash, is.StateHash)
	return strings.Join(differs, "; ")
}
