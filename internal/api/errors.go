package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/audit"
	"github.com/pontoon-raft/pontoon/internal/server"
)

const (
	notApplied = hostv1.Outcome_OUTCOME_NOT_APPLIED
	unknown    = hostv1.Outcome_OUTCOME_UNKNOWN

	// statusClientClosed is the usual number for a request whose client went
	// away; no client is left to read it.
	statusClientClosed = 499
)

// A verdict is what clients are told about an error.
type verdict struct {
	err     error
	outcome hostv1.Outcome
	// reason is a stable word: part of the API.
	reason string
	code   codes.Code
	http   int
}

// Errors of the requests themselves, found before the service sees them.
var (
	errMalformed   = errors.New("malformed request")
	errNoSuchPath  = errors.New("no such path")
	errWrongMethod = errors.New("method not allowed")
	errCrossOrigin = errors.New("request from another origin")
	// errBadCertificate: the client's certificate is good no more.
	errBadCertificate = errors.New("client's certificate is not valid")
)

// verdicts is the one table from errors to what clients see. Unavailable and
// 503 always mean that the request was not applied, because gRPC clients and
// proxies retry them unasked.
func verdicts() [39]verdict {
	return [...]verdict{
		{server.ErrNoLeader, notApplied, "no_leader", codes.Unavailable, http.StatusServiceUnavailable},
		{server.ErrNotLeader, notApplied, "not_leader", codes.FailedPrecondition, http.StatusMisdirectedRequest},
		{server.ErrProposalDropped, notApplied, "proposal_dropped", codes.Unavailable, http.StatusServiceUnavailable},
		{server.ErrTooManyRequests, notApplied, "too_many_requests", codes.ResourceExhausted, http.StatusTooManyRequests},
		{server.ErrNoSpace, notApplied, "no_space", codes.ResourceExhausted, http.StatusInsufficientStorage},
		{server.ErrTooLarge, notApplied, "too_large", codes.ResourceExhausted, http.StatusRequestEntityTooLarge},
		{server.ErrEmpty, notApplied, "empty", codes.InvalidArgument, http.StatusBadRequest},
		{server.ErrInvalid, notApplied, "invalid", codes.InvalidArgument, http.StatusBadRequest},
		{server.ErrStopping, notApplied, "stopping", codes.Unavailable, http.StatusServiceUnavailable},
		{server.ErrNotReady, notApplied, "not_ready", codes.Unavailable, http.StatusServiceUnavailable},
		{server.ErrQuarantined, notApplied, "quarantined", codes.Unavailable, http.StatusServiceUnavailable},
		{server.ErrChangePending, notApplied, "change_pending", codes.FailedPrecondition, http.StatusConflict},
		{server.ErrChangeRefused, notApplied, "change_refused", codes.FailedPrecondition, http.StatusConflict},
		{server.ErrQuorumAtRisk, notApplied, "quorum_at_risk", codes.FailedPrecondition, http.StatusConflict},
		{server.ErrNoQuorum, notApplied, "no_quorum", codes.Unavailable, http.StatusServiceUnavailable},
		{server.ErrUnknownMember, notApplied, "unknown_member", codes.NotFound, http.StatusNotFound},
		{server.ErrUnknownPlugin, notApplied, "unknown_plugin", codes.NotFound, http.StatusNotFound},
		{server.ErrNoSnapshot, notApplied, "no_snapshot", codes.NotFound, http.StatusNotFound},
		{server.ErrPluginRefused, notApplied, "plugin_refused", codes.FailedPrecondition, http.StatusConflict},
		{server.ErrQueryFailed, notApplied, "query_failed", codes.FailedPrecondition, http.StatusUnprocessableEntity},
		{server.ErrUnauthenticated, notApplied, "unauthenticated", codes.Unauthenticated, http.StatusUnauthorized},
		{server.ErrPermissionDenied, notApplied, "permission_denied", codes.PermissionDenied, http.StatusForbidden},
		{server.ErrReadTimeout, notApplied, "read_timeout", codes.DeadlineExceeded, http.StatusGatewayTimeout},

		{server.ErrTimeout, unknown, "timeout", codes.DeadlineExceeded, http.StatusGatewayTimeout},
		{server.ErrLeaderLost, unknown, "leader_lost", codes.DeadlineExceeded, http.StatusGatewayTimeout},
		{server.ErrConnectionLost, unknown, "connection_lost", codes.DeadlineExceeded, http.StatusGatewayTimeout},
		{server.ErrCanceled, unknown, "canceled", codes.Canceled, statusClientClosed},
		{server.ErrStopped, unknown, "stopped", codes.Aborted, http.StatusInternalServerError},
		{server.ErrRestartFailed, unknown, "restart_failed", codes.Aborted, http.StatusInternalServerError},
		{server.ErrStorageRestart, unknown, "storage_restart", codes.Aborted, http.StatusInternalServerError},
		{errSlowClient, unknown, "slow_client", codes.Aborted, http.StatusInternalServerError},

		{errMalformed, notApplied, "malformed", codes.InvalidArgument, http.StatusBadRequest},
		{errNoSuchPath, notApplied, "not_found", codes.Unimplemented, http.StatusNotFound},
		{errWrongMethod, notApplied, "method_not_allowed", codes.Unimplemented, http.StatusMethodNotAllowed},
		{errCrossOrigin, notApplied, "cross_origin", codes.PermissionDenied, http.StatusForbidden},
		{audit.ErrUnavailable, notApplied, "audit_unavailable", codes.Unavailable, http.StatusServiceUnavailable},
		{errWantsTLS, notApplied, "wants_tls", codes.FailedPrecondition, http.StatusBadRequest},
		{errBadCertificate, notApplied, "bad_certificate", codes.Unauthenticated, http.StatusUnauthorized},
		{errUnknownHost, notApplied, "unknown_host", codes.PermissionDenied, http.StatusMisdirectedRequest},
	}
}

// verdictOf finds err in the table. An error that is not there says nothing
// about the request, so its outcome is unknown.
func verdictOf(err error) verdict {
	for _, v := range verdicts() {
		if errors.Is(err, v.err) {
			return v
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return verdictOf(server.ErrCanceled)
	case errors.Is(err, context.DeadlineExceeded):
		return verdictOf(server.ErrTimeout)
	}
	return verdict{err, unknown, "internal", codes.Unknown, http.StatusInternalServerError}
}

// failureOf is what err looks like to a client.
func failureOf(err error) *hostv1.Failure {
	v := verdictOf(err)
	f := &hostv1.Failure{Outcome: v.outcome, Reason: v.reason, Message: text(err.Error())}
	var read readError
	if errors.As(err, &read) {
		f.Outcome = notApplied
	}
	var known *server.Error
	if errors.As(err, &known) {
		if known.NotApplied {
			f.Outcome = notApplied
		}
		if known.Leader != 0 {
			f.Leader = known.Leader.String()
		}
		f.LeaderAddress = text(known.LeaderAddress)
		f.RetryAfterMs = milliseconds(known.RetryAfter)
	}
	return f
}

// statusOf is err as a gRPC status that carries its Failure.
func statusOf(err error) error {
	return statusWith(verdictOf(err).code, failureOf(err))
}

func statusWith(code codes.Code, f *hostv1.Failure) error {
	st := status.New(code, f.GetMessage())
	if detailed, err := st.WithDetails(f); err == nil {
		st = detailed
	}
	return st.Err()
}

// A readError is the failure of a request that changes nothing, so in every
// case it was not applied.
type readError struct{ error }

func (e readError) Unwrap() error { return e.error }

func ofRead(err error) error {
	if err == nil {
		return nil
	}
	return readError{err}
}

// malformed says what is wrong with a request.
func malformed(format string, args ...any) error {
	return &server.Error{Err: errMalformed, Detail: fmt.Sprintf(format, args...)}
}

// tooLarge names the sizes that collided and the setting that the limit follows
// from.
func tooLarge(what string, size, limit int) error {
	return &server.Error{Err: server.ErrTooLarge, Detail: fmt.Sprintf("%s of %d bytes; api.max_value_bytes allows %d", what, size, limit)}
}

// valueTooLarge is tooLarge for what the setting itself limits.
func valueTooLarge(what string, size, limit int) error {
	return &server.Error{Err: server.ErrTooLarge, Detail: fmt.Sprintf("%s of %d bytes; api.max_value_bytes is %d", what, size, limit)}
}

// milliseconds rounds up, so that advice to wait never becomes no advice.
func milliseconds(d time.Duration) uint32 {
	if d <= 0 {
		return 0
	}
	return uint32(min((d+time.Millisecond-1)/time.Millisecond, math.MaxUint32))
}

// text makes s fit for a protobuf string, which must be valid UTF-8. State
// machines and plugins write what they like.
func text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

// detail is err with what it is about.
func detail(err error, about string) error { return &server.Error{Err: err, Detail: text(about)} }
