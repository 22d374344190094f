package server

import (
	"context"
	"fmt"
	"time"
)

// Status implements Service.
func (s *Server) Status() Status {
	applied, _ := s.progress.get()
	st := Status{
		ClusterID: s.cfg.ClusterID, ID: s.cfg.ID, Name: s.cfg.Name, Role: "none",
		Applied: applied, Plugins: s.cfg.Plugins(), Version: s.cfg.Version,
	}
	if s.cfg.Links != nil {
		st.Links = s.cfg.Links()
	}
	st.Quarantine = s.isolated.Load()
	if s.cfg.StorageMove != nil {
		st.StorageMove = s.cfg.StorageMove()
	}
	if durable, ok := s.durability.known(); ok {
		st.Durable = &durable
	}
	if v := s.CommandVersions(); v.Known {
		st.CommandVersions = &v.Versions
	}
	n, _ := s.attached()
	st.Warnings = s.warnings(n)
	if n == nil {
		return st
	}
	ns := n.State()
	st.Role, st.Leader, st.Term = ns.Role, ns.Leader, ns.Term
	// The node's numbers are as of its last tick, the applied index is not.
	st.Commit, st.LastIndex = max(ns.Commit, applied), max(ns.Last, applied)
	st.Level, st.LevelUnderstood = ns.Registry.Level(), ns.Level
	st.CommandVersion = ns.Registry.CommandVersion()
	st.FirstIndex, st.SnapshotIndex = ns.First, ns.Snapshot
	st.Progress = s.peerProgress(ns)
	st.TickAge, st.Uncommitted = time.Since(n.LastTick()), s.uncommitted(ns)
	return st
}

// Live implements Service: raft's clock must have advanced within an election
// timeout. While there is no node, because the storage is restarting, the host
// is alive all the same: killing it would not help.
func (s *Server) Live() error {
	n, _ := s.attached()
	if n == nil {
		return nil
	}
	if age := time.Since(n.LastTick()); age > s.cfg.Election+s.cfg.Tick {
		return fmt.Errorf("the raft goroutine ticked %v ago", age.Round(time.Millisecond))
	}
	return nil
}

// MachineDown is for how long the state machine has not been up: it starts,
// replays or restores; 0 if it is.
func (s *Server) MachineDown() time.Duration { return s.machine.closedFor(s.made) }

// Applied is the applied index.
func (s *Server) Applied() uint64 {
	applied, _ := s.progress.get()
	return applied
}

// ApplyStalled is how long the state machine has left a batch unanswered; 0 if
// it has none.
func (s *Server) ApplyStalled() time.Duration {
	since := s.applyStall.Load()
	if since == nil {
		return 0
	}
	return time.Since(*since) // monotonic: a clock that is set is not a stall
}

// A PluginUpgrade is how an upgrade of a plugin has ended.
type PluginUpgrade struct {
	// Plugin is as it serves now.
	Plugin PluginStatus
	SHA256 string
	// VersionBefore and SHA256Before are those of the version that ran before.
	VersionBefore, SHA256Before string
	// Unchanged: the pinned version has run already, and nothing was done.
	Unchanged bool
}

// UpgradePlugin implements Service.
func (s *Server) UpgradePlugin(ctx context.Context, kind, name, to string) (PluginUpgrade, error) {
	if s.cfg.UpgradePlugin == nil {
		return PluginUpgrade{}, &Error{Err: ErrUnknownPlugin}
	}
	return s.cfg.UpgradePlugin(ctx, kind, name, to)
}

// RestartPlugin implements Service.
func (s *Server) RestartPlugin(ctx context.Context, kind, name string) (PluginStatus, error) {
	return s.cfg.RestartPlugin(ctx, kind, name)
}

// PluginLines implements Service.
func (s *Server) PluginLines(which PluginLines) ([]PluginLine, time.Time, error) {
	return s.cfg.PluginLines(which)
}
