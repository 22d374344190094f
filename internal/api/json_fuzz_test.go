package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/api"
)

// FuzzJSON: a request of whatever body for whatever path has one answer, in JSON, and
// a refusal says why.
func FuzzJSON(f *testing.F) {
	f.Add("/v1/propose", `{"data":"AA=="}`)
	f.Add("/v1/query", `{"data":"","consistency":"CONSISTENCY_STALE"}`)
	f.Add("/v1/members/add", `{"member":{"id":"4","name":"n4","peer_urls":["http://127.0.0.1:1"]},"force":true}`)
	f.Add("/v1/members/update", `{"member":{"id":"4"}}`)
	f.Add("/v1/members/remove", `{"id":"ffffffffffffffffff"}`)
	f.Add("/v1/leader/transfer", `{"to":"2"}`)
	f.Add("/v1/propose", strings.Repeat(`{"data":`, 100))
	f.Add("/v1/propose", `{"data":"`+"\xff\xfe"+`"}`)
	s := start(f, api.Options{Service: &fakeService{}})
	f.Fuzz(func(t *testing.T, path, body string) {
		req, err := http.NewRequest(http.MethodPost, "http://"+s.Addr().String(), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.URL.Path = "/" + strings.TrimPrefix(path, "/")
		resp, err := httpClient().Do(req)
		if err != nil {
			t.Fatalf("POST %q %q: %v", path, body, err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]any
		if err := json.Unmarshal(answer, &fields); err != nil {
			t.Fatalf("POST %q %q: %s: %q", path, body, resp.Status, answer)
		}
		if reason, _ := fields["reason"].(string); resp.StatusCode != http.StatusOK && reason == "" {
			t.Fatalf("POST %q %q: %s without a reason: %q", path, body, resp.Status, answer)
		}
	})
}
