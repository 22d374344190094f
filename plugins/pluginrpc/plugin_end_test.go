package pluginrpc

import (
	"context"
	"errors"
	"io"
	"testing"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
)

// openEnd is a plugin's end that incarnation 3 of group 1 has opened.
func openEnd(t *testing.T) *PluginEnd {
	t.Helper()
	e := &PluginEnd{Table: NewTable()}
	if err := e.Open(WireOptions(plugins.Options{ClusterID: 1, NodeID: 1, Group: 1, Incarnation: 3}), func(plugins.Options) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return e
}

// asHost is an error as the host's end sees it.
func asHost(t *testing.T, err error) error { return NewTable().Error(t.Context(), err) }

// Nothing reaches a backend but the calls of the host that opened it.
// Rules P-23 and P-27.
func TestOnlyTheHostThatOpenedIsAnswered(t *testing.T) {
	open := openEnd(t)
	for name, c := range map[string]struct {
		end  *PluginEnd
		call pluginv1.Call
		want error
	}{
		"not open":     {&PluginEnd{Table: NewTable()}, call(1, 3), plugins.ErrNotOpen},
		"an older one": {open, call(1, 2), plugins.ErrStaleIncarnation},
		"of a group":   {open, call(2, 3), plugins.ErrInvalidArgument},
		"its own":      {open, call(1, 3), nil},
	} {
		calls := 0
		_, err := Answer(c.end, &pluginv1.CompactRequest{Call: c.call}, func() (*pluginv1.CompactResponse, error) {
			calls++
			return &pluginv1.CompactResponse{}, nil
		})
		errs := []error{err, c.end.Stream(&pluginv1.ReadRequest{Call: c.call}, func(*Opened) error { calls++; return nil })}
		first := []pluginv1.RestoreRequest{{Call: c.call}}
		_, _, err = First[pluginv1.RestoreRequest](c.end, &received{messages: first})
		errs = append(errs, err)
		batch := []pluginv1.AppendRequest{{Call: c.call, Seq: 1}}
		errs = append(errs, Feed(c.end, &appended{messages: batch}, func(*Opened, *pluginv1.AppendRequest) error { calls++; return nil }))
		errs[2], errs[3] = c.end.Table.Status(errs[2]), c.end.Table.Status(errs[3])
		for i, err := range errs {
			if err := asHost(t, err); !errors.Is(err, c.want) {
				t.Errorf("%s: kind %d of call: %v, want %v", name, i, err, c.want)
			}
		}
		if want := 3; c.want == nil && calls != want || c.want != nil && calls != 0 {
			t.Errorf("%s: the backend was called %d times", name, calls)
		}
	}
}

// appended is a stream of batches, which ends well.
type appended struct{ messages []pluginv1.AppendRequest }

func (s *appended) RecvMsg(v any) error {
	if len(s.messages) == 0 {
		return io.EOF
	}
	b, err := s.messages[0].Marshal()
	s.messages = s.messages[1:]
	return errors.Join(err, v.(*pluginv1.AppendRequest).Unmarshal(b)) // which adds to what is there
}

// An answer that goes with an error is not sent.
func TestAnErrorIsTheOnlyAnswer(t *testing.T) {
	e := openEnd(t)
	res, err := Answer(e, &pluginv1.CompactRequest{Call: call(1, 3)}, func() (*pluginv1.CompactResponse, error) {
		return &pluginv1.CompactResponse{FirstIndex: 9}, plugins.ErrClosed
	})
	if res != nil || !errors.Is(asHost(t, err), plugins.ErrClosed) {
		t.Errorf("answered %v, %v", res, err)
	}
	opened, err := AnswerOpen(e, pluginv1.OpenOptions{Incarnation: 4}, func(plugins.Options) (*pluginv1.StorageOpenResponse, error) {
		t.Error("opened twice")
		return nil, nil
	})
	if opened != nil || !errors.Is(asHost(t, err), plugins.ErrInvalidArgument) {
		t.Errorf("the second open: %v, %v", opened, err)
	}
}

// Batches have numbers without a gap, and what one has belongs to its taker.
// Rule P-29.
func TestBatchesAreFedInOrder(t *testing.T) {
	e := openEnd(t)
	batch := func(seq uint64, n int) pluginv1.AppendRequest {
		return pluginv1.AppendRequest{Call: call(1, 3), Seq: seq, Entries: make([]pluginv1.Entry, n)}
	}
	var got []int
	take := func(_ *Opened, m *pluginv1.AppendRequest) error {
		got = append(got, len(m.Entries))
		return nil
	}
	if err := Feed(e, &appended{[]pluginv1.AppendRequest{batch(1, 2), batch(2, 0), batch(3, 1)}}, take); err != nil || len(got) != 3 || got[1] != 0 {
		t.Errorf("fed %v, %v", got, err)
	}
	for _, wrong := range [][]pluginv1.AppendRequest{{batch(2, 1)}, {batch(1, 1), batch(1, 1)}, {batch(1, 1), batch(3, 1)}} {
		got = nil
		if err := Feed(e, &appended{wrong}, take); !errors.Is(err, plugins.ErrInvalidArgument) || len(got) != len(wrong)-1 {
			t.Errorf("%d batches of which the last is out of order: fed %v, %v", len(wrong), got, err)
		}
	}
}

// An upload without a first message, or of another host, never reaches the backend.
// Rules P-26 and P-41.
func TestAnUploadIsOfTheHostThatOpened(t *testing.T) {
	e := openEnd(t)
	for name, c := range map[string]struct {
		messages []pluginv1.RestoreRequest
		want     error
	}{
		"nothing":                  {nil, plugins.ErrInvalidArgument},
		"an older one":             {[]pluginv1.RestoreRequest{{Call: call(1, 2), Header: &pluginv1.RestoreHeader{}}}, plugins.ErrStaleIncarnation},
		"its own":                  {[]pluginv1.RestoreRequest{{Call: call(1, 3), Header: &pluginv1.RestoreHeader{}}}, nil},
		"its own without a header": {[]pluginv1.RestoreRequest{{Call: call(1, 3), Chunk: []byte("x")}}, plugins.ErrInvalidArgument},
	} {
		s := &uploaded{received: received{c.messages, io.EOF}}
		err := AnswerUpload(e, s, restoreParts, func(*pluginv1.RestoreRequest, *Chunks[pluginv1.RestoreRequest]) (*pluginv1.RestoreResponse, error) {
			return &pluginv1.RestoreResponse{}, nil
		})
		if !errors.Is(asHost(t, err), c.want) || s.answered != (c.want == nil) {
			t.Errorf("%s: %v, answered: %t", name, err, s.answered)
		}
	}
}

type uploaded struct {
	grpc.ServerStream
	received
	answered bool
}

func (s *uploaded) RecvMsg(v any) error                          { return s.received.RecvMsg(v) }
func (s *uploaded) Recv() (*pluginv1.RestoreRequest, error)      { return nil, io.EOF }
func (s *uploaded) SendAndClose(*pluginv1.RestoreResponse) error { s.answered = true; return nil }

// Answers end a stream: with their own error at once, otherwise when all is fed.
func TestBothWaysOfAStream(t *testing.T) {
	broken, refused := errors.New("broken"), errors.New("refused")
	never, ended := make(chan struct{}), make(chan struct{})
	defer close(never)
	answers := 0
	answer := func(n int) error { answers += n; return nil }
	left := 2
	next := func() (int, error) { // as an applier: two outcomes, and an end after that of what feeds it
		if left--; left >= 0 {
			return 1, nil
		}
		<-ended
		return 0, io.EOF
	}
	if err := Both(func() error { return refused }, func() { close(ended) }, next, answer); !errors.Is(err, refused) || answers != 2 {
		t.Errorf("a batch that was refused: %v after %d answers", err, answers)
	}
	stuck := func() error { <-never; return nil }
	if err := Both(stuck, func() {}, func() (int, error) { return 5, broken }, answer); !errors.Is(err, broken) || answers != 2 {
		t.Errorf("an outcome that failed: %v, %d answers", err, answers)
	}
	if err := Both(stuck, func() {}, func() (int, error) { return 1, nil }, func(int) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("an answer that failed: %v", err)
	}
}

// A stream is kept from use to use, and not after a failure or the end of a caller.
func TestAKeptStream(t *testing.T) {
	broken := errors.New("broken")
	opens := 0
	var last context.Context
	open := func(ctx context.Context) (int, error) {
		opens++
		last = ctx
		return opens, nil
	}
	var k KeptStream[int]
	use := func(ctx context.Context, err error) (stream int, _ error) {
		err = k.Use(ctx, open, func(s int) error { stream = s; return err })
		return stream, err
	}
	ctx, cancel := context.WithCancel(t.Context())
	for range 2 {
		if s, err := use(ctx, nil); s != 1 || err != nil {
			t.Fatalf("stream %d, %v", s, err)
		}
	}
	cancel()
	if last.Err() != nil {
		t.Error("the end of a caller that is done ends the stream")
	}
	if _, err := use(t.Context(), broken); !errors.Is(err, broken) || last.Err() == nil {
		t.Errorf("a use that failed: %v, the stream's context: %v", err, last.Err())
	}
	if s, err := use(t.Context(), nil); s != 2 || err != nil {
		t.Errorf("after a failure stream %d, %v", s, err)
	}
	if _, err := use(ctx, broken); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that gave up: %v", err)
	}
	if s, _ := use(t.Context(), nil); s != 3 {
		t.Errorf("after a caller that gave up stream %d", s)
	}
	closed := 0
	for range 2 {
		k.Close(t.Context(), func(s int) { closed = 10*closed + s })
	}
	if closed != 3 || last.Err() == nil {
		t.Errorf("closed %d, the stream's context: %v", closed, last.Err())
	}
	if err := k.Use(t.Context(), func(context.Context) (int, error) { return 0, broken }, func(int) error { return nil }); !errors.Is(err, broken) {
		t.Errorf("a stream that cannot be opened: %v", err)
	}
	if s, _ := use(t.Context(), nil); s != 4 {
		t.Errorf("after that stream %d", s)
	}
}

// The host's end asks nothing of a plugin that is not open, and tells a stream
// that has ended from one that failed.
func TestTheHostsEnd(t *testing.T) {
	e := &HostEnd{Table: NewTable()}
	asked := 0
	method := func(_ context.Context, req *pluginv1.CompactRequest, _ ...grpc.CallOption) (*pluginv1.CompactResponse, error) {
		asked++
		if req.Call != call(1, 3) {
			t.Errorf("asked with %v", req.Call)
		}
		return &pluginv1.CompactResponse{}, NewTable().Status(plugins.ErrLimit)
	}
	if _, err := Ask(t.Context(), e, method, &pluginv1.CompactRequest{Call: e.Call()}); !errors.Is(err, plugins.ErrNotOpen) || asked != 0 {
		t.Errorf("before open: %v, asked %d times", err, asked)
	}
	e.SetOpened(plugins.Options{Group: 1, Incarnation: 3})
	if res, err := Ask(t.Context(), e, method, &pluginv1.CompactRequest{Call: e.Call()}); res != nil || !errors.Is(err, plugins.ErrLimit) || asked != 1 {
		t.Errorf("%v, %v, asked %d times", res, err, asked)
	}
}

// The end of a stream is told from a failure of it.
func TestTheEndOfAStreamIsNotAFailure(t *testing.T) {
	e := &HostEnd{Table: NewTable()}
	var opened context.Context
	method := func(ctx context.Context, _ ...grpc.CallOption) (grpc.BidiStreamingClient[pluginv1.AppendRequest, pluginv1.AppendResponse], error) {
		opened = ctx
		return nil, nil
	}
	if _, err := OpenStream(t.Context(), e, method); !errors.Is(err, plugins.ErrNotOpen) || opened != nil {
		t.Errorf("before open: %v", err)
	}
	e.SetOpened(plugins.Options{Group: 1, Incarnation: 3})
	s, err := OpenStream(t.Context(), e, method)
	if err != nil || s.Opened.Call != call(1, 3) {
		t.Fatal(err)
	}
	if err := s.SendError(io.EOF); !errors.Is(err, ErrStreamEnded) || !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("a stream that has ended: %v", err)
	}
	limit := NewTable().Status(plugins.ErrLimit)
	if err := s.SendError(limit); !errors.Is(err, plugins.ErrLimit) {
		t.Errorf("a message that cannot be sent: %v", err)
	}
	if err := s.Error(io.EOF); !errors.Is(err, plugins.ErrGone) {
		t.Errorf("an end that is not expected: %v", err)
	}
	if s.Stop(); opened.Err() == nil || s.Cause() == nil {
		t.Error("goes on after Stop")
	}
	_, err = OpenStream(t.Context(), e, func(ctx context.Context, _ ...grpc.CallOption) (grpc.BidiStreamingClient[pluginv1.AppendRequest, pluginv1.AppendResponse], error) {
		opened = ctx
		return nil, limit
	})
	if !errors.Is(err, plugins.ErrLimit) || opened.Err() == nil {
		t.Errorf("a stream that cannot be opened: %v", err)
	}
}
