// Package apitest has the limits of a host's ports, for tests of other packages that open one.
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
