package access

import (
	"errors"
	"sync/atomic"
	"time"
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

// Repeat counts a Refusal of Check that is given to one more request.
func (g *Guard) Repeat(r *Refusal) { g.counts.counted(r) }

// State is what a Guard tells of itself, for metrics and warnings. Its numbers
// count since the host started.
type State struct {
	// Unauthenticated, Denied and Limited are requests that were refused, by the
	// sentinel of their Refusal, streams that ended with their token included.
	Unauthenticated, Denied, Limited uint64
	// WrongTokens are tokens that were shown and not accepted.
	WrongTokens uint64
	// Broken says what is wrong with the file of tokens; "" if nothing is.
	Broken string
	// Expires is when the next token ends that is valid now; zero if none will.
	Expires time.Time
}

// State tells how it goes. That of a nil Guard is the zero State.
func (g *Guard) State(now time.Time) State {
	if g == nil {
		return State{}
	}
	s := State{
		Unauthenticated: g.counts.unauthenticated.Load(), Denied: g.counts.denied.Load(), Limited: g.counts.limited.Load(),
		WrongTokens: g.misses.total.Load(),
	}
	if g.tokens == nil {
		return s
	}
	s.Broken = g.tokens.warning()
	for _, k := range *g.tokens.byID.Load() {
		if k.ended(now) == "" && !k.Expires.IsZero() && (s.Expires.IsZero() || k.Expires.Before(s.Expires)) {
			s.Expires = k.Expires
		}
	}
	return s
}
