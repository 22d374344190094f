package api_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// getEvents asks for an answer in events, with headers.
func getEvents(t *testing.T, s *api.Server, query string, headers ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr().String()+"/v1/query-stream?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// in64 is the query of a URL whose data is text.
func in64(text string) string {
	return "data=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(text)))
}

// A GET is answered by Server-Sent Events: a header, an event of the default type for each
// chunk, and an end with length and sum, and proxies are told not to gather them. What the client says that it accepts, and which
// event it has seen last, makes no difference.
func TestAnAnswerInChunksComesAsEvents(t *testing.T) {
	svc := &fakeService{}
	s := start(t, api.Options{Service: svc})
	const want = "event: header\ndata: {\"index\":\"7\",\"history\":\"f00d\"}\n\ndata: b25l\n\ndata: dHdv\n\nevent: end\ndata: {\"length\":\"6\",\"crc32\":2349957445}\n\n"
	for _, headers := range [][]string{
		nil,
		{"Accept", "text/event-stream", "Last-Event-ID", "17"},
		{"Accept", "application/x-unheard;q=0.1"},
		{"Accept", strings.Repeat(",", 10_000), "Last-Event-ID", strings.Repeat("\xff", 10_000)},
	} {
		resp := getEvents(t, s, in64("one two"), headers...)
		text, err := io.ReadAll(resp.Body)
		if err != nil || string(text) != want || resp.StatusCode != http.StatusOK {
			t.Errorf("%.60q: %s, %v\n%s", headers, resp.Status, err, text)
		}
		if kind, cache := resp.Header.Get("Content-Type"), resp.Header.Get("Cache-Control"); kind != "text/event-stream" || cache != "no-store, no-transform" || resp.Header.Get("X-Accel-Buffering") != "no" {
			t.Errorf("content type %q, to be cached %q", kind, cache)
		}
	}
	if svc.lastQuery != server.Linearizable {
		t.Errorf("asked with consistency %v", svc.lastQuery)
	}
	for _, query := range []string{"", "data=", "consistency=stale", "consistency=stale&data=Pz8_&lasting=true", "consistency=stale&data=Pz8%2F", "consistency=stale&data=Pz8+Pg"} {
		if resp := getEvents(t, s, query); resp.StatusCode != http.StatusOK {
			t.Errorf("%q: %s", query, resp.Status)
		}
	}
	if svc.lastQuery != server.Stale {
		t.Errorf("asked with consistency %v", svc.lastQuery)
	}
}

// A request that makes no sense is refused as any other is, before an event.
func TestARequestForEventsThatMakesNoSenseIsRefused(t *testing.T) {
	svc := &fakeService{}
	s := start(t, api.Options{Service: svc, Limits: api.Limits{MaxValueBytes: 1 << 10}})
	for query, want := range map[string]int{
		"data=%%%":                           http.StatusBadRequest,
		"data=***":                           http.StatusBadRequest,
		"data=YQ==&data=YQ==":                http.StatusBadRequest,
		"consistency=sometimes":              http.StatusBadRequest,
		"lasting=perhaps":                    http.StatusBadRequest,
		"consistency=":                       http.StatusBadRequest,
		"from=1":                             http.StatusBadRequest,
		"data=YQ;consistency=stale":          http.StatusBadRequest,
		in64(strings.Repeat("x", 2<<10)):     http.StatusRequestEntityTooLarge,
		"data=" + strings.Repeat("A", 1<<20): http.StatusRequestHeaderFieldsTooLarge,
	} {
		if resp := getEvents(t, s, query); resp.StatusCode != want || resp.Header.Get("Content-Type") == "text/event-stream" {
			t.Errorf("%.40q: %s, want %d", query, resp.Status, want)
		}
	}
	if code, body, _ := ask(t, "GET", "http://"+s.Addr().String()+"/v1/query-stream", "", `{}`); code != http.StatusBadRequest {
		t.Errorf("with a body: %d %s", code, body)
	}
	if code, _, header := ask(t, "PUT", "http://"+s.Addr().String()+"/v1/query-stream", "", ""); code != http.StatusMethodNotAllowed || header.Get("Allow") != "POST, GET" {
		t.Errorf("PUT: %d, allowed is %q", code, header.Get("Allow"))
	}
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://elsewhere.example"}} {
		if resp := getEvents(t, s, "", headers...); resp.StatusCode != http.StatusForbidden {
			t.Errorf("for a page of another origin: %s", resp.Status)
		}
	}
	svc.set(func(f *fakeService) { f.fail = &server.Error{Err: server.ErrNoLeader} })
	if resp := getEvents(t, s, ""); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("a refusal by the service is %s", resp.Status)
	}
}

// An answer that breaks off has a last event that says why, and a body without its end.
func TestEventsThatBreakOffSayWhy(t *testing.T) {
	svc := &fakeService{stream: func(context.Context, func([]byte) error) error {
		return &server.Error{Err: server.ErrNotReady, Detail: "the state machine\nhas ended"}
	}}
	s := start(t, api.Options{Service: svc})
	resp := getEvents(t, s, in64("one"))
	text, err := io.ReadAll(resp.Body)
	all := strings.Split(string(text), "\n\n")
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(all) != 4 || !strings.HasPrefix(all[2], "event: failure\ndata: {") ||
		!strings.Contains(all[2], `"reason":"not_ready"`) || strings.Count(all[2], "\n") != 1 {
		t.Errorf("the body ended with %v: %s", err, text)
	}
}

// Where a state machine has nothing to say for long, comments show that the answer goes on.
func TestEventsShowThatTheyGoOn(t *testing.T) {
	more := make(chan string)
	svc := &fakeService{stream: func(ctx context.Context, send func([]byte) error) error {
		for chunk := range more {
			if err := send([]byte(chunk)); err != nil {
				return err
			}
		}
		return nil
	}}
	s := start(t, api.Options{Service: svc, Limits: api.Limits{AliveEvery: time.Millisecond}})
	lines := bufio.NewScanner(getEvents(t, s, "").Body)
	comments := 0
	for lines.Scan() {
		switch text := lines.Text(); {
		case text == ":":
			if comments++; comments == 3 {
				more <- "x"
				close(more)
			}
		case text == "" || strings.HasPrefix(text, "event: ") || strings.HasPrefix(text, "data: "):
		default:
			t.Fatalf("line %q", text)
		}
	}
	if err := lines.Err(); err != nil || comments < 3 {
		t.Errorf("%d comments, then %v", comments, err)
	}
}

// A client that reads no event is ended, and what it held is free again. A stop waits neither
// for one that reads nothing of an answer that goes on.
func TestEventsThatAreNotReadAreEnded(t *testing.T) {
	ended := make(chan error, 1)
	svc := &fakeService{stream: endlessAnswer(ended)}
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: svc, Metrics: r, Limits: api.Limits{StalledAfter: 50 * time.Millisecond, AliveEvery: time.Millisecond}})
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /v1/query-stream HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("it ended well")
	}
	within(t, "nothing counts any more", func() bool {
		return metric(t, r, "pontoon_api_query_streams") == 0 && metric(t, r, resultsBytes) == 0
	})
	silent := func(ctx context.Context, _ func([]byte) error) error {
		<-ctx.Done()
		return ctx.Err()
	}
	svc.set(func(f *fakeService) { f.stream = silent })
	resp := getEvents(t, s, "")
	if err := s.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if text, err := io.ReadAll(resp.Body); !strings.Contains(string(text), `"reason":"stopping"`) || err == nil {
		t.Errorf("after a stop: %v, %s", err, text)
	}
}
