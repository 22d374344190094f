// Package apitest has the limits of a host's ports, and a part of the services for them, for
// tests that open one.
package apitest

import (
	"context"
	"time"

	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/defaults"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// Limits are the limits of a host whose configuration sets none.
func Limits() api.Limits {
	return api.Limits{
		MaxValueBytes: defaults.MaxValueBytes, MaxPending: defaults.MaxPending, MaxPendingBytes: defaults.MaxPendingBytes,
		MaxProposalStreams: defaults.MaxStreams, MaxCalls: defaults.MaxCalls,
	}
}

// An Asker is the part of a server.Service that Propose needs.
type Asker interface {
	ProposeAsync(data []byte, timeout time.Duration, done func(server.Result, error))
}

// Propose is the Propose of a service that is made of its ProposeAsync.
func Propose(ctx context.Context, s Asker, data []byte) (server.Result, error) {
	type outcome struct {
		result server.Result
		err    error
	}
	done := make(chan outcome, 1)
	s.ProposeAsync(data, 0, func(r server.Result, err error) { done <- outcome{r, err} })
	select {
	case o := <-done:
		return o.result, o.err
	case <-ctx.Done():
		return server.Result{}, &server.Error{Err: server.ErrCanceled}
	}
}
