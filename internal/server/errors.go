package server

import (
	"errors"
	"fmt"
	"time"
)

// Errors of the service, by what they say of the request's effect. The first
// group is definite: the request was not applied and never will be, so trying
// again is safe. In the second group the effect is unknown: it may have been
// applied, or may still be.
var (
	ErrNoLeader        = errors.New("no leader")
	ErrNotLeader       = errors.New("not the leader")
	ErrProposalDropped = errors.New("proposal dropped")
	ErrTooManyRequests = errors.New("too many requests")
	ErrNoSpace         = errors.New("no space")
	ErrTooLarge        = errors.New("request is too large")
	ErrEmpty           = errors.New("request is empty")
	ErrInvalid         = errors.New("invalid request")
	ErrStopping        = errors.New("host is stopping")
	ErrNotReady        = errors.New("host is not ready")
	ErrChangePending   = errors.New("another membership change is pending")
	ErrChangeRefused   = errors.New("membership change was refused")
	ErrQuorumAtRisk    = errors.New("quorum at risk")
	ErrNoQuorum        = errors.New("no quorum")
	ErrUnknownMember   = errors.New("unknown member")
	ErrQueryFailed     = errors.New("query failed")
	ErrReadTimeout     = errors.New("read timed out")
	// ErrUnauthenticated: the client proves no name, and without one it may not do
	// this. ErrPermissionDenied: it has one, whose role does not suffice.
	ErrUnauthenticated  = errors.New("unauthenticated")
	ErrPermissionDenied = errors.New("permission denied")

	ErrTimeout        = errors.New("request timed out")
	ErrLeaderLost     = errors.New("request timed out, possibly due to leader down")
	ErrConnectionLost = errors.New("request timed out, possibly due to a lost connection to the leader")
	ErrCanceled       = errors.New("request was cancelled")
	ErrStopped        = errors.New("host stopped while the request was in flight")
	ErrStorageRestart = errors.New("storage plugin restarted while the request was in flight")
)

// Error is an error of the service with what a client needs to go on.
// errors.Is sees the sentinel in Err.
type Error struct {
	Err error
	// Detail adds numbers and names; may be empty.
	Detail string
	// NotApplied: it is known that the request has no effect, though Err does not say
	// so.
	NotApplied bool
	// Leader and LeaderAddress are a hint; zero if unknown.
	Leader        NodeID
	LeaderAddress string
	// RetryAfter is how long to wait before another try; 0 means no advice.
	RetryAfter time.Duration
}

// Error implements error.
func (e *Error) Error() string {
	if e.Detail == "" {
		return e.Err.Error()
	}
	return fmt.Sprintf("%v: %s", e.Err, e.Detail)
}

// Unwrap makes errors.Is see the sentinel.
func (e *Error) Unwrap() error { return e.Err }
