package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/api"
)

// from dials from an address of loopback.
func from(address string) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
}

// askInJSON sends a query and reads nothing.
func askInJSON(t testing.TB, s *api.Server, address string) net.Conn {
	t.Helper()
	conn, err := from(address).Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := fmt.Fprint(conn, "POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Answers in JSON that are not read count for their data, among those by gRPC. Clients of
// one address leave some to others, on however many connections they ask.
func TestAnswersInJSONThatAreNotReadLeaveRoomForOthers(t *testing.T) {
	const large, most, clients = 8 << 20, 64 << 20, 12
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: largeAnswers{&fakeService{}, large}, Metrics: r, Limits: api.Limits{MaxResultBytes: most}})
	silent := make([]net.Conn, clients)
	for i := range silent {
		silent[i] = askInJSON(t, s, "127.0.0.1")
	}
	// An eighth stays free.
	within(t, "answers wait, and the rest is refused", func() bool {
		return metric(t, r, resultsBytes) == most-large && metric(t, r, "pontoon_api_results_left_out_total") == clients-7
	})
	transport := &http.Transport{DisableKeepAlives: true, DialContext: from("127.0.0.2").DialContext}
	resp, err := (&http.Client{Transport: transport}).Post("http://"+s.Addr().String()+"/v1/query", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Data []byte }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || len(answer.Data) != large {
		t.Errorf("a client of another address: %d bytes, %v", len(answer.Data), err)
	}
	_, err = hostClient(t, s).Query(t.Context(), &hostv1.QueryRequest{})
	refusedAsNotApplied(t, err)
	for _, conn := range silent {
		conn.Close()
	}
	within(t, "nothing is kept", func() bool { return metric(t, r, resultsBytes) == 0 })
}

// An answer in JSON that was read counts no longer, though its connection stays.
func TestAnAnswerInJSONCountsUntilItIsWritten(t *testing.T) {
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: largeAnswers{&fakeService{}, 100 << 10}, Metrics: r})
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Post("http://"+s.Addr().String()+"/v1/query", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	within(t, "the answer counts no longer", func() bool { return metric(t, r, resultsBytes) == 0 })
	if open := s.Uses(t)["open"]; open != 1 {
		t.Errorf("%d connections are open", open)
	}
}

// An answer in chunks that goes on keeps no room for bodies: that of its request has come.
func TestAnAnswerThatGoesOnKeepsNoRoomForBodies(t *testing.T) {
	svc := &fakeService{stream: func(ctx context.Context, _ func([]byte) error) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	s := start(t, api.Options{Service: svc, Limits: api.Limits{MaxValueBytes: 4 << 20}})
	ask := func(address, path string) *http.Response {
		t.Helper()
		transport := &http.Transport{DisableKeepAlives: true, DialContext: from(address).DialContext}
		body := io.MultiReader(strings.NewReader("{}")) // of a length that is not told, which may be the largest
		resp, err := (&http.Client{Transport: transport}).Post("http://"+s.Addr().String()+path, "application/json", body)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	for i := range 5 { // the largest bodies of four fill the room for all
		if resp := ask(fmt.Sprintf("127.0.0.%d", i+1), "/v1/query-stream"); resp.StatusCode != http.StatusOK {
			t.Errorf("answer %d: %s", i, resp.Status)
		}
	}
	if resp := ask("127.0.0.9", "/v1/query"); resp.StatusCode != http.StatusOK {
		t.Errorf("a query beside them: %s", resp.Status)
	}
}
