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
	// ErrNoLeader: this member knows no leader. Reads return it when their time is
	// up, membership changes and rejected proposals at once.
	ErrNoLeader = errors.New("no leader")
	// ErrNotLeader: a membership change came to a member that does not lead; the
	// Error has a hint at the leader.
	ErrNotLeader = errors.New("not the leader")
	// ErrProposalDropped: a proposal or a change is in no log, because raft did not
	// take it, or because its time was up before raft had seen it.
	ErrProposalDropped = errors.New("proposal dropped")
	// ErrTooManyRequests: admission found no room, here or at the leader, or the
	// client has used its share of it.
	ErrTooManyRequests = errors.New("too many requests")
	// ErrNoSpace: the node rejected a proposal, because the storage of this member or
	// of the leader is short of space.
	ErrNoSpace = errors.New("no space")
	// ErrTooLarge: the data are longer than MaxValueBytes; nothing was proposed.
	ErrTooLarge = errors.New("request is too large")
	// ErrEmpty: the proposal has no data; nothing was proposed.
	ErrEmpty = errors.New("request is empty")
	// ErrInvalid: the state machine answered a query with
	// statemachine.ErrInvalidQuery.
	ErrInvalid = errors.New("invalid request")
	// ErrStopping: the request came after the stop had begun.
	ErrStopping = errors.New("host is stopping")
	// ErrNotReady: the node, a plugin, or an entry of the leader's own term that the
	// request needs is not there yet. Ready returns it, too.
	ErrNotReady = errors.New("host is not ready")
	// ErrQuarantined: one entry has ended the state machine of this member again and
	// again, or its state is not that of a majority (Quarantine), and a proposal or a read needs a state machine. The Error names
	// the entry, and hints at the leader if that one can answer. Of a member that is well a
	// proposal ends with it too if its leader is quarantined and finds no successor.
	ErrQuarantined = errors.New("member is quarantined")
	// ErrChangePending: a change was asked for while another one is not applied.
	ErrChangePending = errors.New("another membership change is pending")
	// ErrChangeRefused: the registry refuses the change (member.Registry.Apply).
	ErrChangeRefused = errors.New("membership change was refused")
	// ErrQuorumAtRisk: after the change, the voters that answer would not be a
	// majority.
	ErrQuorumAtRisk = errors.New("quorum at risk")
	// ErrNoQuorum: a change was asked for while the voters that answer are not a
	// majority.
	ErrNoQuorum = errors.New("no quorum")
	// ErrUnknownMember: the change names a member that the registry does not have.
	ErrUnknownMember = errors.New("unknown member")
	// ErrUnknownPlugin: the request names a plugin that this member does not have, or one of
	// two only by its kind.
	ErrUnknownPlugin = errors.New("unknown plugin")
	// ErrPluginRefused: a plugin is not restarted, and the one that runs goes on: the new
	// process was refused, or the leadership could not be handed over before.
	ErrPluginRefused = errors.New("plugin is not restarted")
	// ErrNoSnapshot: this member has no snapshot that it could give to a client.
	ErrNoSnapshot = errors.New("no snapshot")
	// ErrQueryFailed: the state machine answered a query with an error, or the query
	// is kept from it because it ended the state machine before (blockedQueries).
	ErrQueryFailed = errors.New("query failed")
	// ErrReadTimeout: the time of a read is up, or its client has cancelled it.
	ErrReadTimeout = errors.New("read timed out")
	// ErrUnauthenticated: the client proves no name, and without one it may not do
	// this. ErrPermissionDenied: it has one, whose role does not suffice.
	ErrUnauthenticated  = errors.New("unauthenticated")
	ErrPermissionDenied = errors.New("permission denied")

	// ErrTimeout: the time of a request that raft may have seen is up, and no loss
	// explains it.
	ErrTimeout = errors.New("request timed out")
	// ErrLeaderLost: as ErrTimeout, and a leader was lost meanwhile or shortly before.
	// With NotApplied it is the reason of a rejection: the next leader's log does not
	// have the proposal.
	ErrLeaderLost = errors.New("request timed out, possibly due to leader down")
	// ErrConnectionLost: as ErrTimeout, and messages to the leader were lost
	// meanwhile.
	ErrConnectionLost = errors.New("request timed out, possibly due to a lost connection to the leader")
	// ErrCanceled: the caller's context was cancelled before there was a result.
	ErrCanceled = errors.New("request was cancelled")
	// ErrStopped: the stop of the host ended a request that was under way.
	ErrStopped = errors.New("host stopped while the request was in flight")
	// ErrRestartFailed: the old process of a plugin was ended, and the new one does not
	// serve yet, or never will.
	ErrRestartFailed = errors.New("plugin was ended, and the new one does not serve yet")
	// ErrStorageRestart: the node was dropped with its storage while the request was
	// under way (law 3).
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
