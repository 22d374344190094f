package access

import (
	"errors"
	"sync/atomic"
)

// counts are the requests that a Guard has refused, by the reason.
type counts struct{ unauthenticated, denied, limited atomic.Uint64 }

// counted counts r and returns it.
func (c *counts) counted(r *Refusal) *Refusal {
	switch {
	case errors.Is(r.Err, ErrPermissionDenied):
		c.denied.Add(1)
	case errors.Is(r.Err, ErrLimit):
		c.limited.Add(1)
	default:
		c.unauthenticated.Add(1)
	}
	return r
}
