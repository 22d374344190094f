package api_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/events"
)

// Events come by either protocol: those that are kept, of the kinds that are wanted, and with
// follow those to come.
func TestEventsAreTold(t *testing.T) {
	ring := events.New()
	log := slog.New(ring.Handler(slog.DiscardHandler))
	log.Info("one leads", "event", events.Leader, "term", 7)
	log.Warn("a plugin ended", "event", events.Plugin)
	s := start(t, api.Options{Service: &fakeService{}, Events: ring})

	stream, err := hostClient(t, s).Events(t.Context(), &hostv1.EventsRequest{Kinds: []string{"leader"}, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	next := func() *hostv1.EventsResponse {
		m, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if h := next().GetHeader(); h.GetStart() != ring.Start() {
		t.Errorf("header %v", h)
	}
	if e := next().GetEvent(); e.GetNumber() != 1 || e.GetSentence() != "one leads" || e.GetFields()[0].GetNumber() != 7 || e.GetSeverity() != "info" {
		t.Errorf("event %v", e)
	}
	log.Info("another leads", "event", events.Leader)
	if e := next().GetEvent(); e.GetNumber() != 3 {
		t.Errorf("event %v", e)
	}

	code, text, _ := ask(t, http.MethodGet, "http://"+s.Addr().String()+"/v1/events?since=1", "", "")
	if code != http.StatusOK || strings.Count(text, "\n") != 3 || !strings.Contains(text, `"sentence":"a plugin ended"`) || strings.Contains(text, "one leads") {
		t.Errorf("%d %s", code, text)
	}
	for _, wrong := range []string{"since=x", "kind=x", "follow=x", "start=x", "what=1", "since=1&since=2", "since=-1h"} {
		if code, text, _ := ask(t, http.MethodGet, "http://"+s.Addr().String()+"/v1/events?"+wrong, "", ""); code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", wrong, code, text)
		}
	}
}

// A follower is told how many events it has not seen because they were overwritten; one that
// names another start gets all that are kept.
func TestAFollowerIsToldWhatItLost(t *testing.T) {
	ring := events.New()
	log := slog.New(ring.Handler(slog.DiscardHandler))
	for i := range events.MaxEvents + 5 {
		log.Info(fmt.Sprint("event ", i), "event", events.Leader)
	}
	s := start(t, api.Options{Service: &fakeService{}, Events: ring})
	for query, want := range map[string]string{"since=2": `{"lost":"3"}`, "since=2&start=1": `"number":"6"`, "since=1h": `"number":"6"`} {
		resp, err := http.Get("http://" + s.Addr().String() + "/v1/events?" + query)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(resp.Body)
		lines.Scan()
		lines.Scan()
		if got := lines.Text(); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}
