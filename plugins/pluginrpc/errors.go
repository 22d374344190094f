package pluginrpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pontoon-raft/pontoon/plugins"
)

// Domain marks the error details that are ours.
const Domain = "pontoon.plugin.v1"

// maxErrorText bounds the text of an error that crosses the connection. Twice
// that, percent-encoded, fits headerListSize.
const maxErrorText = 4 << 10

// A Mapping says how one sentinel of a contract travels. The reason is what
// identifies it; several sentinels may share a code.
type Mapping struct {
	Err    error
	Code   codes.Code
	Reason string
	// Encode, if not nil, adds the fields of an error type that stands for
	// Err; it may return nil. Decode builds that error from them. Its error
	// must match Err under errors.Is.
	Encode func(err error) map[string]string
	Decode func(fields map[string]string) error
}

// Common are the mappings of package plugins and of context. ErrGone and
// ErrBadAnswer are not among them: only the host's end makes those.
func Common() []Mapping {
	return []Mapping{
		{Err: plugins.ErrNotOpen, Code: codes.FailedPrecondition, Reason: "NOT_OPEN"},
		{Err: plugins.ErrClosed, Code: codes.FailedPrecondition, Reason: "CLOSED"},
		{Err: plugins.ErrInvalidConfig, Code: codes.InvalidArgument, Reason: "INVALID_CONFIG"},
		{Err: plugins.ErrWrongIdentity, Code: codes.FailedPrecondition, Reason: "WRONG_IDENTITY"},
		{Err: plugins.ErrStaleIncarnation, Code: codes.Aborted, Reason: "STALE_INCARNATION"},
		{Err: plugins.ErrLimit, Code: codes.ResourceExhausted, Reason: "LIMIT"},
		{Err: plugins.ErrInvalidArgument, Code: codes.InvalidArgument, Reason: "INVALID_ARGUMENT"},
		{Err: context.DeadlineExceeded, Code: codes.DeadlineExceeded, Reason: "DEADLINE_EXCEEDED"},
		{Err: context.Canceled, Code: codes.Canceled, Reason: "CANCELLED"},
	}
}

// A Table maps the errors of one kind of plugin, in both directions. It is
// immutable.
type Table struct{ mappings []Mapping }

// NewTable returns the table of a kind: its own mappings, then the common
// ones. The first that matches an error gives the code.
func NewTable(own ...Mapping) *Table {
	return &Table{mappings: append(own, Common()...)}
}

// Mappings returns a copy of all mappings.
func (t *Table) Mappings() []Mapping { return append([]Mapping(nil), t.mappings...) }

// Status turns an error of a backend into what is sent: its text, and a detail
// for every sentinel that it wraps. One that wraps none keeps the status that
// gRPC gave it, or becomes Unknown.
func (t *Table) Status(err error) error {
	if err == nil {
		return nil
	}
	st := status.New(codes.Unknown, limitText(err.Error()))
	if own, ok := status.FromError(err); ok {
		st = status.New(own.Code(), limitText(own.Message()))
	}
	for _, m := range t.mappings {
		if !errors.Is(err, m.Err) {
			continue
		}
		if st.Code() == codes.Unknown {
			st = status.New(m.Code, st.Message())
		}
		info := &errdetails.ErrorInfo{Reason: m.Reason, Domain: Domain}
		if m.Encode != nil {
			info.Metadata = m.Encode(err)
		}
		if with, derr := st.WithDetails(info); derr == nil {
			st = with
		}
	}
	return st.Err()
}

// limitText makes s fit a header.
func limitText(s string) string {
	if len(s) > maxErrorText {
		s = s[:maxErrorText]
	}
	return strings.ToValidUTF8(s, "?")
}

// Error turns what a call ended with into an error of the contract. ctx is the
// call's. An io.EOF counts as a broken connection: a caller that expects the
// end of a stream looks for it before.
func (t *Table) Error(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	st, ok := status.FromError(err)
	if !ok {
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("stream ended without an answer: %w", plugins.ErrGone)
		}
		return err
	}
	if causes := t.causes(st); len(causes) > 0 {
		return &remoteError{text: withCauses(limitText(st.Message()), causes), causes: causes}
	}
	return foreign(ctx, st)
}

// withCauses is the text of an error of a plugin, with what its reasons mean where the text
// does not say so: the host acts on the reasons, and its log must show them.
func withCauses(text string, causes []error) string {
	for _, cause := range causes {
		switch said := cause.Error(); {
		case text == "":
			text = said
		case !strings.Contains(text, said):
			text += ": " + said
		}
	}
	return text
}

// causes are the sentinels that st names.
func (t *Table) causes(st *status.Status) []error {
	var causes []error
	for _, d := range st.Details() {
		info, ok := d.(*errdetails.ErrorInfo)
		if !ok || info.GetDomain() != Domain {
			continue
		}
		for _, m := range t.mappings {
			if m.Reason != info.GetReason() {
				continue
			}
			cause := m.Err
			if m.Decode != nil && len(info.GetMetadata()) > 0 {
				cause = m.Decode(info.GetMetadata())
			}
			causes = append(causes, cause)
			break
		}
	}
	return causes
}

// foreign interprets a status that does not come from one of our tables: made
// by gRPC at either end, or by a plugin that knows no reasons.
func foreign(ctx context.Context, st *status.Status) error {
	text := limitText(st.Message())
	switch st.Code() {
	case codes.Canceled, codes.DeadlineExceeded:
		if err := ctx.Err(); err != nil {
			return err
		}
		if st.Code() == codes.DeadlineExceeded {
			// The deadline was the call's; its timer fired first elsewhere.
			return context.DeadlineExceeded
		}
		return fmt.Errorf("%w: %s", plugins.ErrGone, text)
	case codes.Unavailable:
		return fmt.Errorf("%w: %s", plugins.ErrGone, text)
	case codes.ResourceExhausted:
		return fmt.Errorf("%w: %s", plugins.ErrLimit, text)
	case codes.InvalidArgument:
		return fmt.Errorf("%w: %s", plugins.ErrInvalidArgument, text)
	case codes.Unimplemented, codes.Internal:
		return fmt.Errorf("%w: %s: %s", plugins.ErrBadAnswer, st.Code(), text)
	default:
		return &remoteError{text: cmp.Or(text, st.Code().String())}
	}
}

// remoteError is an error of a plugin: its text there, its sentinels here.
type remoteError struct {
	text   string
	causes []error
}

// Error implements error.
func (e *remoteError) Error() string { return e.text }

// Unwrap makes errors.Is and errors.As see the sentinels.
func (e *remoteError) Unwrap() []error { return e.causes }

// BadAnswer is a plugins.ErrBadAnswer that says what was wrong, with numbers.
func BadAnswer(format string, args ...any) error {
	return fmt.Errorf("%w: %s", plugins.ErrBadAnswer, fmt.Sprintf(format, args...))
}

// Breach is a BadAnswer that names the rule of docs/plugins/protocol*.md that the plugin has
// broken: its author finds there what is right.
func Breach(rule, format string, args ...any) error {
	return ruled(plugins.ErrBadAnswer, rule, format, args...)
}

// ruled is an error that matches of and names the rule that was broken.
func ruled(of error, rule, format string, args ...any) error {
	return fmt.Errorf("%w: %s (rule %s)", of, fmt.Sprintf(format, args...), rule)
}
