package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
)

// Outcome says what is known of a failed request.
type Outcome int

// The outcomes of a request that has no result.
const (
	// Unknown: it may have been applied, or may still be.
	Unknown Outcome = iota
	// NotApplied: it was not applied and never will be.
	NotApplied
)

// String returns the word used in messages.
func (o Outcome) String() string {
	if o == NotApplied {
		return "not applied"
	}
	return "outcome unknown"
}

// Reasons that the client itself gives. All others come from the host and are
// listed in docs/client-api.md.
const (
	// ReasonUnreachable: no connection to any member.
	ReasonUnreachable = "unreachable"
	// ReasonConnectionLost: the connection broke after the request was sent.
	ReasonConnectionLost = "connection_lost"
	// ReasonClosed: Close was called.
	ReasonClosed = "client_closed"
	// ReasonTimeout and ReasonCanceled: the context or RequestTimeout ended
	// the call. The host uses the same words.
	ReasonTimeout  = "timeout"
	ReasonCanceled = "canceled"
	// ReasonBadAnswer: the host's answer makes no sense.
	ReasonBadAnswer = "bad_answer"
)

// reasonWantsTLS is the word of a port that speaks TLS only, reasonBadCertificate
// that of a host when this client's certificate has ended since it connected.
const (
	reasonWantsTLS       = "wants_tls"
	reasonBadCertificate = "bad_certificate"
)

// ErrClosed is the cause of the error of every call that Close ended, and of
// each later one.
var ErrClosed = errors.New("client is closed")

// Error is the error of every method that asks a host.
type Error struct {
	Outcome Outcome
	// Reason is a stable word, for programs.
	Reason string
	// Message is for people.
	Message string
	// Leader and LeaderAddress are the host's hint; empty if unknown.
	Leader, LeaderAddress string
	// RetryAfter is the host's advice; 0 means none.
	RetryAfter time.Duration
	// Endpoint is the member that answered or was asked; may be empty.
	Endpoint string
	// Err is the cause on the client's side, for example the context's
	// error; nil if the host refused.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Endpoint != "" {
		b.WriteString(e.Endpoint + ": ")
	}
	b.WriteString(e.Message)
	if e.Message == "" {
		b.WriteString(e.Reason)
	}
	fmt.Fprintf(&b, " (%v, %s)", e.Outcome, e.Reason)
	return b.String()
}

// Unwrap returns the cause on the client's side.
func (e *Error) Unwrap() error { return e.Err }

// IsNotApplied reports whether err says that the request certainly had no
// effect.
func IsNotApplied(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Outcome == NotApplied
}

// IsUnknown reports whether the request that ended with err may have had, or
// may still have, an effect. Every error that is not an *Error of this package
// counts.
func IsUnknown(err error) bool { return err != nil && !IsNotApplied(err) }

// Reason returns the stable word of err, or "" if it has none.
func Reason(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

// IsFinal reports whether the request that ended with err would be refused for the same
// reason at any later time, whatever member is asked, unless the request, the client's
// rights or the hosts are changed.
func IsFinal(err error) bool { return final(Reason(err)) }

func final(reason string) bool {
	return slices.Contains([]string{
		"too_large", "empty", "invalid", "malformed", "unimplemented",
		ReasonUnauthenticated, ReasonPermissionDenied, reasonWantsTLS, ReasonClosed,
	}, reason)
}

// lasting reports whether another try within the same call would meet the same.
func (e *Error) lasting() bool {
	return final(e.Reason) || slices.Contains([]string{
		"change_refused", "quorum_at_risk", "unknown_member", "unknown_plugin", "plugin_refused", reasonQueryFailed, ReasonTimeout, ReasonCanceled,
	}, e.Reason)
}

// retryable reports whether a request that changes something may be sent
// again.
func (e *Error) retryable() bool { return e.Outcome == NotApplied && !e.lasting() }

func fromFailure(endpoint string, f *hostv1.Failure) *Error {
	e := &Error{
		Outcome:       Unknown,
		Reason:        f.GetReason(),
		Message:       f.GetMessage(),
		Leader:        f.GetLeader(),
		LeaderAddress: f.GetLeaderAddress(),
		RetryAfter:    time.Duration(f.GetRetryAfterMs()) * time.Millisecond,
		Endpoint:      endpoint,
	}
	if f.GetOutcome() == hostv1.Outcome_OUTCOME_NOT_APPLIED {
		e.Outcome = NotApplied
	}
	return e
}

// fromRPC reads the error of a call that reached a connection. Only the host
// can say that a request was not applied; gRPC's own errors leave it open.
func fromRPC(endpoint string, err error) *Error {
	st := status.Convert(err)
	for _, d := range st.Details() {
		if f, ok := d.(*hostv1.Failure); ok {
			return fromFailure(endpoint, f)
		}
	}
	e := &Error{Outcome: Unknown, Reason: ReasonConnectionLost, Message: st.Message(), Endpoint: endpoint, Err: err}
	switch st.Code() {
	case codes.Canceled:
		e.Reason, e.Err = ReasonCanceled, context.Canceled
	case codes.DeadlineExceeded:
		e.Reason, e.Err = ReasonTimeout, context.DeadlineExceeded
	case codes.Unimplemented:
		e.Outcome, e.Reason = NotApplied, "unimplemented"
	case codes.Internal, codes.ResourceExhausted, codes.InvalidArgument:
		e.Reason = ReasonBadAnswer
	}
	return e
}

// notOpened is why there is no stream to endpoint: the host's word if it has one
// on this client.
func notOpened(endpoint string, err error) *Error {
	if e := fromRPC(endpoint, err); e.barred() {
		return e
	}
	return unreachable(endpoint, err)
}

func unreachable(endpoint string, err error) *Error {
	return &Error{Outcome: NotApplied, Reason: ReasonUnreachable, Message: "cannot connect: " + err.Error(), Endpoint: endpoint, Err: err}
}

func closedError() *Error {
	return &Error{Outcome: NotApplied, Reason: ReasonClosed, Message: ErrClosed.Error(), Err: ErrClosed}
}

// ended is the error of a call whose time is over: by its context, or by
// RequestTimeout if the context has not ended. Last is what kept it from
// succeeding earlier; nil if nothing did.
func ended(ctx context.Context, outcome Outcome, last *Error) *Error {
	e := &Error{Outcome: outcome, Reason: ReasonTimeout, Message: "request timed out", Err: context.DeadlineExceeded}
	if errors.Is(ctx.Err(), context.Canceled) {
		e.Reason, e.Message, e.Err = ReasonCanceled, "request was cancelled", context.Canceled
	}
	if last != nil {
		e.Reason, e.Endpoint = last.Reason, last.Endpoint
		e.Leader, e.LeaderAddress, e.RetryAfter = last.Leader, last.LeaderAddress, last.RetryAfter
		e.Message += ", last: " + last.Message
	}
	return e
}
