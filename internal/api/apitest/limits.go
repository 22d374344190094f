// Package apitest is what tests of other packages need for a port of a host.
package apitest

import (
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/defaults"
)

// Limits are the limits of a host whose configuration sets none.
func Limits() api.Limits {
	return api.Limits{
		MaxValueBytes: defaults.MaxValueBytes, MaxPending: defaults.MaxPending, MaxPendingBytes: defaults.MaxPendingBytes,
		MaxProposalStreams: defaults.MaxStreams, MaxCalls: defaults.MaxCalls,
	}
}
