package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// chunked is an answer in chunks as it came by gRPC.
type chunked struct {
	index  uint64
	chunks []string
	end    *hostv1.QueryStreamEnd
	err    error // of the stream's end, if that is not a good one
}

// collect reads an answer to its end.
func collect(t *testing.T, c hostv1.HostClient, query string) (a chunked) {
	t.Helper()
	stream, err := c.QueryStream(t.Context(), &hostv1.QueryRequest{Data: []byte(query), Consistency: hostv1.Consistency_CONSISTENCY_STALE})
	if err != nil {
		t.Fatal(err)
	}
	for first := true; ; first = false {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return a
		}
		if a.err = err; err != nil {
			return a
		}
		switch p := m.GetPart().(type) {
		case *hostv1.QueryStreamResponse_Header:
			if a.index = p.Header.GetIndex(); !first {
				t.Error("the header is not the first message")
			}
		case *hostv1.QueryStreamResponse_Chunk:
			a.chunks = append(a.chunks, string(p.Chunk))
		case *hostv1.QueryStreamResponse_End:
			a.end = p.End
		default:
			t.Errorf("message %v", m)
		}
	}
}

func reasonOf(err error) (codes.Code, string, hostv1.Outcome) {
	st := status.Convert(err)
	for _, d := range st.Details() {
		if f, ok := d.(*hostv1.Failure); ok {
			return st.Code(), f.GetReason(), f.GetOutcome()
		}
	}
	return st.Code(), "", 0
}

// An answer begins with its index and ends with its length and sum.
func TestAnAnswerInChunksIsWhole(t *testing.T) {
	svc := &fakeService{}
	s := start(t, api.Options{Service: svc})
	got := collect(t, hostClient(t, s), "one two three")
	if got.err != nil || got.index != 7 || strings.Join(got.chunks, " ") != "one two three" {
		t.Errorf("got %+v", got)
	}
	if got.end.GetLength() != 11 || got.end.GetCrc32() != crc32.ChecksumIEEE([]byte("onetwothree")) {
		t.Errorf("its end is %v", got.end)
	}
	if svc.lastQuery != server.Stale {
		t.Errorf("asked with consistency %v", svc.lastQuery)
	}
	if got := collect(t, hostClient(t, s), ""); got.err != nil || got.end == nil || got.end.GetLength() != 0 || len(got.chunks) != 0 {
		t.Errorf("an empty answer is %+v", got)
	}
	large := bytes.Repeat([]byte("x"), 1<<20)
	svc.set(func(f *fakeService) {
		f.stream = func(_ context.Context, send func([]byte) error) error { return send(large) }
	})
	if got := collect(t, hostClient(t, s), ""); got.err != nil || len(got.chunks) != 1 || got.chunks[0] != string(large) {
		t.Errorf("a large answer ended with %v", got.err)
	}
}

// An answer that breaks off half-way says why, by its code, and has no end.
func TestAnAnswerInChunksThatBreaksOffSaysWhy(t *testing.T) {
	svc := &fakeService{}
	s := start(t, api.Options{Service: svc})
	for _, x := range []struct {
		err    error
		code   codes.Code
		reason string
	}{
		{&server.Error{Err: server.ErrNotReady, Detail: "the state machine has ended"}, codes.Unavailable, "not_ready"},
		{&server.Error{Err: server.ErrQueryFailed}, codes.FailedPrecondition, "query_failed"},
		{&server.Error{Err: server.ErrStopping}, codes.Unavailable, "stopping"},
		{errors.New("odd"), codes.Unknown, "internal"},
	} {
		svc.set(func(f *fakeService) {
			f.stream = func(context.Context, func([]byte) error) error { return x.err }
		})
		got := collect(t, hostClient(t, s), "one two")
		code, reason, outcome := reasonOf(got.err)
		if code != x.code || reason != x.reason || outcome != hostv1.Outcome_OUTCOME_NOT_APPLIED || got.end != nil {
			t.Errorf("%v: ended with %v (%v, %s, %v) after %+v", x.err, got.err, code, reason, outcome, got)
		}
		lines, err := jsonLines(t, s, "one two")
		last := lines[len(lines)-1]
		if f, _ := last["failure"].(map[string]any); f["reason"] != x.reason || f["outcome"] != "OUTCOME_NOT_APPLIED" || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v: over HTTP the last line is %v, and the body ended with %v", x.err, last, err)
		}
	}
}

// jsonLines asks over HTTP/1.1, and returns the lines and how the body ended.
func jsonLines(t *testing.T, s *api.Server, query string) (lines []map[string]any, err error) {
	t.Helper()
	body, _ := json.Marshal(map[string]any{"data": []byte(query)})
	resp, err := http.Post("http://"+s.Addr().String()+"/v1/query-stream", "", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("status %d, content type %q", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	r := bufio.NewReader(resp.Body)
	for {
		text, err := r.ReadBytes('\n')
		if err != nil {
			if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				err = nil
			}
			return lines, err
		}
		var line map[string]any
		if err := json.Unmarshal(text, &line); err != nil {
			t.Fatalf("line %q: %v", text, err)
		}
		lines = append(lines, line)
	}
}

// Over HTTP/1.1 each message is a line of JSON.
func TestAnAnswerInChunksOverHTTP(t *testing.T) {
	svc := &fakeService{}
	s := start(t, api.Options{Service: svc})
	lines, err := jsonLines(t, s, "one two")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(lines)
	const want = `[{"header":{"history":"f00d","index":"7"}},{"chunk":"b25l"},{"chunk":"dHdv"},{"end":{"crc32":2349957445,"length":"6"}}]`
	if string(text) != want {
		t.Errorf("got %s\nwant %s", text, want)
	}
	svc.set(func(f *fakeService) { f.fail = &server.Error{Err: server.ErrNoLeader} })
	code, body, _ := ask(t, "POST", "http://"+s.Addr().String()+"/v1/query-stream", "", `{}`)
	if code != http.StatusServiceUnavailable || !strings.Contains(body, `"reason":"no_leader"`) {
		t.Errorf("a refusal is %d %s", code, body)
	}
}

// endlessAnswer sends chunks until that fails, and tells the error.
func endlessAnswer(ended chan<- error) func(context.Context, func([]byte) error) error {
	return func(_ context.Context, send func([]byte) error) error {
		for chunk := make([]byte, 16<<10); ; { // which has half a second to go
			if err := send(chunk); err != nil {
				ended <- err
				return err
			}
		}
	}
}

// A client that reads nothing does not keep an answer for ever: it is ended with a reason,
// and what it held is free again.
func TestAnAnswerInChunksThatIsNotReadIsEnded(t *testing.T) {
	ended := make(chan error, 2)
	svc := &fakeService{stream: endlessAnswer(ended)}
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: svc, Metrics: r, Limits: api.Limits{StalledAfter: 50 * time.Millisecond}})
	t.Run("gRPC", func(t *testing.T) {
		c := dialRaw(t, s, 0)
		c.call(hostv1.Host_QueryStream_FullMethodName, &hostv1.QueryRequest{})
		within(t, "the answer is under way, or was", func() bool { return metric(t, r, "pontoon_api_query_streams") == 1 || len(ended) > 0 })
		if err := <-ended; err == nil {
			t.Error("it ended well")
		}
		within(t, "nothing counts any more", func() bool {
			return metric(t, r, "pontoon_api_query_streams") == 0 && metric(t, r, resultsBytes) == 0
		})
		if n := metric(t, r, "pontoon_api_streams_ended_total"); n != 1 {
			t.Errorf("%v were ended", n)
		}
	})
	t.Run("HTTP", func(t *testing.T) {
		resp, err := http.Post("http://"+s.Addr().String()+"/v1/query-stream", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := <-ended; err == nil {
			t.Error("it ended well")
		}
		within(t, "nothing counts any more", func() bool {
			return metric(t, r, "pontoon_api_query_streams") == 0 && metric(t, r, resultsBytes) == 0
		})
		if _, err := io.Copy(io.Discard, resp.Body); err == nil {
			t.Error("the body has an end")
		}
	})
}

// A stop ends answers that go on, and so does a state machine that is needed back though
// the client takes nothing.
func TestAnAnswerInChunksEndsWithItsHost(t *testing.T) {
	waits := func(ctx context.Context, send func([]byte) error) error {
		<-ctx.Done()
		return ctx.Err()
	}
	t.Run("which stops", func(t *testing.T) {
		s := start(t, api.Options{Service: &fakeService{stream: waits}})
		stream, err := hostClient(t, s).QueryStream(t.Context(), &hostv1.QueryRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		stopped := make(chan error, 1)
		go func() { stopped <- s.Stop(context.Background()) }()
		_, err = stream.Recv()
		if _, reason, _ := reasonOf(err); reason != "stopping" {
			t.Errorf("ended with %v", err)
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	t.Run("which needs the state machine", func(t *testing.T) {
		until, needed := context.WithCancel(t.Context())
		s := start(t, api.Options{Service: &fakeService{stream: waits, until: until}})
		stream, err := hostClient(t, s).QueryStream(t.Context(), &hostv1.QueryRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		needed()
		_, err = stream.Recv()
		if _, reason, _ := reasonOf(err); reason != "not_ready" {
			t.Errorf("ended with %v", err)
		}
	})
}

// A client that wants all answers in chunks leaves one to others.
func TestAnswersInChunksAreBounded(t *testing.T) {
	svc := &fakeService{stream: func(ctx context.Context, _ func([]byte) error) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: svc, Metrics: r})
	c := hostClient(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	open := 0
	for ; ; open++ {
		stream, err := c.QueryStream(ctx, &hostv1.QueryRequest{})
		if err == nil {
			_, err = stream.Recv()
		}
		if _, reason, _ := reasonOf(err); reason == "too_many_requests" {
			break
		} else if err != nil || open == 100 {
			t.Fatalf("number %d: %v", open, err)
		}
	}
	if open != 28 {
		t.Errorf("one client has %d answers under way, want 28 of 32", open)
	}
	cancel()
	within(t, "they have ended", func() bool { return metric(t, r, "pontoon_api_query_streams") == 0 })
}

// Watches of however many clients leave places to answers that end. One more watch is refused with
// a reason, and counted; when one of them ends there is a place again.
func TestLastingAnswersLeavePlacesToOthers(t *testing.T) {
	svc := &fakeService{stream: func(ctx context.Context, _ func([]byte) error) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: svc, Metrics: r})
	ask := func(number int, query string) (*http.Response, string) {
		t.Helper()
		transport := &http.Transport{DisableKeepAlives: true, DialContext: from(fmt.Sprintf("127.0.1.%d", number)).DialContext}
		resp, err := (&http.Client{Transport: transport}).Get("http://" + s.Addr().String() + "/v1/query-stream?" + query)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		if resp.StatusCode == http.StatusOK {
			return resp, ""
		}
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(text)
	}
	watches := []*http.Response{}
	for i := 1; ; i++ {
		resp, refused := ask(i, "lasting=true")
		if strings.Contains(refused, `"reason":"too_many_requests"`) {
			break
		} else if refused != "" || i > 100 {
			t.Fatalf("watch %d: %s", i, refused)
		}
		watches = append(watches, resp)
	}
	if len(watches) != 28 {
		t.Errorf("%d watches of as many clients are under way, want 28 of 32", len(watches))
	}
	before := metric(t, r, "pontoon_api_refused_total")
	for i := range 4 {
		if resp, refused := ask(100+i, ""); refused != "" {
			t.Errorf("a scan beside the watches: %s %s", resp.Status, refused)
		}
	}
	if _, refused := ask(120, "lasting=true"); refused == "" || metric(t, r, "pontoon_api_refused_total") != before+1 {
		t.Errorf("a watch more is refused with %q, and %v are counted after %v", refused, metric(t, r, "pontoon_api_refused_total"), before)
	}
	watches[0].Body.Close()
	within(t, "a place for another watch", func() bool {
		_, refused := ask(121, "lasting=true")
		return refused == ""
	})
}
