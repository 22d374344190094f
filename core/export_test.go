package core

import "github.com/pontoon-raft/pontoon/core/node"

// OnRaft runs f on the raft goroutine of a host that runs.
func OnRaft(h *Host, f func(*node.Core) error) { h.current().node.Do(f) }
