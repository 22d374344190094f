package api_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// httpClient keeps no connection, so that none outlives its test.
func httpClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

// do asks the client port and decodes the JSON answer.
func do(t *testing.T, s *api.Server, method, path, body string, header ...string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+s.Addr().String()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := httpClient().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.Header.Get("Content-Type"); got != "application/json" {
		t.Fatalf("content type %q of %s", got, raw)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("answer %s: %v", raw, err)
	}
	return resp.StatusCode, out
}

func TestJSONForms(t *testing.T) {
	svc := &fakeService{}
	s := start(t, api.Options{Service: svc})
	b64 := base64.StdEncoding.EncodeToString
	for _, c := range []struct {
		name, method, path, body string
		want                     map[string]any
	}{
		{
			"propose", "POST", "/v1/propose", `{"data":"` + b64([]byte("x")) + `"}`,
			map[string]any{"index": "1", "data": b64([]byte("x")), "error": "", "result_lost": false},
		},
		{
			"query", "POST", "/v1/query", `{"data":"aw==","consistency":"CONSISTENCY_STALE"}`,
			map[string]any{"index": "7", "data": "aw=="},
		},
		{"read barrier", "POST", "/v1/read-barrier", ``, map[string]any{"index": "7"}},
		{"status", "GET", "/v1/status", "", map[string]any{"id": "ff", "cluster_id": "abcd", "role": "leader", "snapshot_index": "0"}},
		{"members", "GET", "/v1/members", "", map[string]any{"leader": "ff"}},
		{"add member", "POST", "/v1/members/add", `{"member":{"id":"1f","peer_urls":["http://h:1"]}}`, map[string]any{"leader": "ff"}},
		{"remove member", "POST", "/v1/members/remove", `{"id":"1f"}`, map[string]any{"leader": "ff"}},
		{"transfer", "POST", "/v1/leader/transfer", `{}`, map[string]any{"leader": "a"}},
		{"lines", "POST", "/v1/plugins/lines", `{"kind":"storage","after":"3"}`, map[string]any{"lines": []any{
			map[string]any{"number": "7", "unix_ms": "1500", "pid": 42.0, "stream": "stderr", "text": "disk is \ufffd slow"},
		}, "since_unix_ms": "900"}},
		{"restart", "POST", "/v1/plugins/restart", `{"kind":"storage"}`, map[string]any{"plugin": map[string]any{
			"kind": "storage", "name": "wal", "version": "", "pid": 0.0, "state": "ready", "restarts": 0.0, "last_error": "", "record": nil,
			"warning": "", "work": nil, "generation": 2.0, "last_exit": "", "paused": "", "attached": false,
		}}},
		{"move", "POST", "/v1/storage/move", `{"to":"pebble"}`, map[string]any{"unchanged": false, "move": map[string]any{
			"from": "wal", "to": "pebble", "phase": "copying", "entries": "7", "entries_total": "9", "bytes": "70", "for_ms": "0", "left": "storage.wal.1", "error": "",
		}}},
		{"upgrade", "POST", "/v1/plugins/upgrade", `{"kind":"storage","to":"2"}`, map[string]any{"sha256": "ab", "version_before": "1", "sha256_before": "cd", "unchanged": false}},
		{"transfer without a body", "POST", "/v1/leader/transfer", ``, map[string]any{"leader": "a"}},
		{"camel case", "POST", "/v1/members/add", `{"member":{"clientAddress":"h:1"}}`, map[string]any{"leader": "ff"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, got := do(t, s, c.method, c.path, c.body)
			if code != http.StatusOK {
				t.Fatalf("%d %v", code, got)
			}
			for k, want := range c.want {
				if !reflect.DeepEqual(got[k], want) {
					t.Errorf("%s = %v, want %v", k, got[k], want)
				}
			}
		})
	}
	if svc.lastQuery != server.Stale {
		t.Errorf("query level = %v, want stale", svc.lastQuery)
	}
}

func TestJSONRefusals(t *testing.T) {
	s := start(t, api.Options{Service: &fakeService{}, Limits: api.Limits{MaxValueBytes: 1 << 10}})
	big := base64.StdEncoding.EncodeToString(make([]byte, 1<<10+1))
	huge := `{"data":"` + strings.Repeat("A", 1<<20) + `"}`
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		code                     int
		reason                   string
	}{
		{"unknown path", "GET", "/v2/status", "", nil, 404, "not_found"},
		{"wrong method", "GET", "/v1/propose", "", nil, 405, "method_not_allowed"},
		{"unknown field", "POST", "/v1/propose", `{"dada":"eA=="}`, nil, 400, "malformed"},
		{"not JSON", "POST", "/v1/propose", `data=x`, nil, 400, "malformed"},
		{"not base64", "POST", "/v1/propose", `{"data":"!"}`, nil, 400, "malformed"},
		{"trailing bytes", "POST", "/v1/propose", `{} {}`, nil, 400, "malformed"},
		{"value over the limit", "POST", "/v1/propose", `{"data":"` + big + `"}`, nil, 413, "too_large"},
		{"body over the limit", "POST", "/v1/propose", huge, nil, 413, "too_large"},
		{"bad id", "POST", "/v1/members/remove", `{"id":"n1"}`, nil, 400, "malformed"},
		{"web page elsewhere", "POST", "/v1/propose", `{}`, []string{"Origin", "https://example.org"}, 403, "cross_origin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, f := do(t, s, c.method, c.path, c.body, c.header...)
			if code != c.code || f["reason"] != c.reason || f["outcome"] != "OUTCOME_NOT_APPLIED" || f["message"] == "" {
				t.Errorf("%d %v, want %d %s", code, f, c.code, c.reason)
			}
		})
	}
}

func TestJSONBodyOfUnknownSize(t *testing.T) {
	s := start(t, api.Options{Service: &fakeService{}, Limits: api.Limits{MaxValueBytes: 1 << 10}})
	// A reader of unknown kind makes the client send chunks.
	body := io.MultiReader(strings.NewReader(`{"data":"`), strings.NewReader(strings.Repeat("A", 1<<18)))
	resp, err := httpClient().Post("http://"+s.Addr().String()+"/v1/propose", "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d, want 413", resp.StatusCode)
	}
}

func TestJSONFailureOfTheService(t *testing.T) {
	svc := &fakeService{}
	s := start(t, api.Options{Service: svc})
	for _, c := range []struct {
		err     error
		code    int
		outcome string
	}{
		{&server.Error{Err: server.ErrTooManyRequests, RetryAfter: 1200 * time.Millisecond}, 429, "OUTCOME_NOT_APPLIED"},
		{server.ErrTimeout, 504, "OUTCOME_UNKNOWN"},
		{errors.New("odd"), 500, "OUTCOME_UNKNOWN"},
	} {
		t.Run(fmt.Sprint(c.code), func(t *testing.T) {
			svc.set(func(f *fakeService) { f.fail = c.err })
			code, f := do(t, s, "POST", "/v1/propose", `{"data":"eA=="}`)
			if code != c.code || f["outcome"] != c.outcome {
				t.Errorf("%d %v", code, f)
			}
		})
	}
	resp, err := httpClient().Get("http://" + s.Addr().String() + "/v1/status")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("status while proposals fail: %d", resp.StatusCode)
	}
}
