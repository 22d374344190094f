package pluginrpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/pontoon-raft/pontoon/internal/fields"
	"github.com/pontoon-raft/pontoon/plugins"
)

// Rule P-35.
func TestEveryCommonSentinelCrossesTheConnection(t *testing.T) {
	table := NewTable()
	for _, m := range Common() {
		err := fmt.Errorf("do 17 things: %w", m.Err)
		sent := table.Status(err)
		if code := status.Code(sent); code != m.Code {
			t.Errorf("%v: code %s, expected %s", m.Err, code, m.Code)
		}
		got := table.Error(context.Background(), sent)
		if !errors.Is(got, m.Err) || got.Error() != err.Error() {
			t.Errorf("%v arrived as %v", err, got)
		}
	}
}

// The details of an error have the bytes that the three messages on the page give, without
// googleapis. Rule P-36.
func TestTheDetailsOfAnErrorAreThoseOfThePage(t *testing.T) {
	mapping := Mapping{Err: io.ErrNoProgress, Code: codes.Aborted, Reason: "STUCK", Encode: func(error) map[string]string {
		return map[string]string{"path": "/p"}
	}}
	sent := NewTable(mapping).Status(fmt.Errorf("read: %w", io.ErrNoProgress))
	got, err := proto.Marshal(status.Convert(sent).Proto())
	if err != nil {
		t.Fatal(err)
	}
	metadata := fields.AppendBytes(fields.AppendBytes(nil, 1, "path"), 2, "/p")
	info := fields.AppendBytes(fields.AppendBytes(fields.AppendBytes(nil, 1, "STUCK"), 2, Domain), 3, metadata)
	anyOf := fields.AppendBytes(fields.AppendBytes(nil, 1, "type.googleapis.com/google.rpc.ErrorInfo"), 2, info)
	want := fields.AppendVarint(nil, 1, uint64(codes.Aborted))
	want = fields.AppendBytes(fields.AppendBytes(want, 2, "read: "+io.ErrNoProgress.Error()), 3, anyOf)
	if !bytes.Equal(got, want) {
		t.Errorf("sent\n%q, want\n%q", got, want)
	}
}

func TestReasonsAreUnique(t *testing.T) {
	seen := map[string]error{}
	for _, m := range Common() {
		if other, ok := seen[m.Reason]; ok {
			t.Errorf("%s stands for %v and %v", m.Reason, other, m.Err)
		}
		seen[m.Reason] = m.Err
	}
}

func TestAnErrorKeepsAllItsSentinels(t *testing.T) {
	table := NewTable()
	got := table.Error(context.Background(), table.Status(errors.Join(plugins.ErrClosed, plugins.ErrLimit)))
	if !errors.Is(got, plugins.ErrClosed) || !errors.Is(got, plugins.ErrLimit) || errors.Is(got, plugins.ErrNotOpen) {
		t.Errorf("arrived as %#v", got)
	}
}

func TestAnUnknownErrorKeepsItsText(t *testing.T) {
	table := NewTable()
	sent := table.Status(errors.New("disk 3 is on fire"))
	if status.Code(sent) != codes.Unknown {
		t.Errorf("code %s", status.Code(sent))
	}
	if got := table.Error(context.Background(), sent); got.Error() != "disk 3 is on fire" {
		t.Errorf("arrived as %v", got)
	}
}

func TestErrorsOfTheHostsEndAreNotTakenFromAPlugin(t *testing.T) {
	table := NewTable()
	for _, sentinel := range []error{plugins.ErrGone, plugins.ErrBadAnswer} {
		if got := table.Error(context.Background(), table.Status(sentinel)); errors.Is(got, sentinel) {
			t.Errorf("%v crossed the connection", sentinel)
		}
	}
}

// Rule P-37.
func TestLongTextsAreCut(t *testing.T) {
	table := NewTable()
	sent := table.Status(fmt.Errorf("%s: %w", strings.Repeat("é\xff", 100_000), plugins.ErrClosed))
	if n := len(status.Convert(sent).Message()); n > maxErrorText {
		t.Errorf("text of %d bytes", n)
	}
	if got := table.Error(context.Background(), sent); !errors.Is(got, plugins.ErrClosed) {
		t.Errorf("arrived as %.60v", got)
	}
}

// Rule P-38.
func TestStatusesThatNoTableMade(t *testing.T) {
	live := context.Background()
	ended, cancel := context.WithCancel(live)
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		err  error
		want error
	}{
		{"connection lost", live, status.Error(codes.Unavailable, "error reading from server: EOF"), plugins.ErrGone},
		{"connection closed here", live, status.Error(codes.Canceled, "grpc: the client connection is closing"), plugins.ErrGone},
		{"caller gave up", ended, status.Error(codes.Canceled, "context canceled"), context.Canceled},
		{"deadline", live, status.Error(codes.DeadlineExceeded, "deadline"), context.DeadlineExceeded},
		{"no answer", live, io.EOF, plugins.ErrGone},
		{"message too large", live, status.Error(codes.ResourceExhausted, "grpc: message larger than max"), plugins.ErrLimit},
		{"undecodable answer", live, status.Error(codes.Internal, "grpc: failed to unmarshal"), plugins.ErrBadAnswer},
		{"method is missing", live, status.Error(codes.Unimplemented, "unknown method Read"), plugins.ErrBadAnswer},
		{"plugin that knows no reasons", live, status.Error(codes.InvalidArgument, "no"), plugins.ErrInvalidArgument},
	} {
		if got := NewTable().Error(c.ctx, c.err); !errors.Is(got, c.want) {
			t.Errorf("%s: %v, expected %v", c.name, got, c.want)
		}
	}
}

// The host acts on the reasons of an error, so its text has them, whatever the plugin wrote.
func TestTheTextOfAnErrorHasItsReasons(t *testing.T) {
	refused := func(text string) error {
		st, err := status.New(codes.Aborted, text).WithDetails(&errdetails.ErrorInfo{Reason: "STALE_INCARNATION", Domain: Domain})
		if err != nil {
			t.Fatal(err)
		}
		return st.Err()
	}
	stale := plugins.ErrStaleIncarnation.Error()
	for want, err := range map[string]error{
		stale:                       refused(""),
		"go away: " + stale:         refused("go away"),
		"append: " + stale + ", no": refused("append: " + stale + ", no"),
		"Unknown":                   status.Error(codes.Unknown, ""),
	} {
		if got := NewTable().Error(t.Context(), err); got.Error() != want {
			t.Errorf("%v arrives as %q, want %q", err, got, want)
		}
	}
}

func TestStatusesOfGRPCKeepTheirCode(t *testing.T) {
	if got := NewTable().Status(status.Error(codes.ResourceExhausted, "too large")); status.Code(got) != codes.ResourceExhausted {
		t.Errorf("sent as %v", got)
	}
}
