package core

import (
	"context"
	"io"

	"github.com/pontoon-raft/pontoon/core/node"
)

// OnRaft runs f on the raft goroutine of a host that runs.
func OnRaft(h *Host, f func(*node.Core) error) { h.current().node.Do(f) }

// Rehearsal is how a host restores snapshots for trial.
func Rehearsal(h *Host) (func(context.Context, uint64, io.Reader) error, error) { return h.rehearsal() }
