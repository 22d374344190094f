package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// asked sends a request to addr that names host, and returns the code.
func asked(t *testing.T, method, addr, path, host string, header ...string) int {
	t.Helper()
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(`{"data":"eA=="}`)
	}
	req, err := http.NewRequest(method, "http://"+addr+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := httpClient().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// A page whose name was made to resolve to this host is of one origin with it
// for its reader's browser. Its request is refused for the name that it bears.
func TestARequestUnderAnUnknownNameIsRefused(t *testing.T) {
	joined := []server.Member{{ID: 9, Name: "n9", ClientAddress: "n9.member.example.org:7401"}}
	s := start(t, api.Options{Service: &fakeService{joined: joined}, HostNames: []string{"Raft.example.org", ".inside.example.org"}})
	for _, c := range []struct {
		host string
		ok   bool
	}{
		{"127.0.0.1:7401", true},
		{"127.0.0.1", true},
		{"[::1]:7401", true},
		{"[::1]", true},
		{"192.0.2.7:80", true},
		{"localhost:7401", true},
		{"n1.localhost", true},
		{"n1:7401", true},
		{"raft.example.org:7401", true},
		{"RAFT.EXAMPLE.ORG.", true},
		{"a.inside.example.org", true},
		{"n9.member.example.org:1", true}, // a member's client address
		{"inside.example.org", false},
		{"x.raft.example.org", false},
		{"evilinside.example.org", false},
		{"rebound.example.com:7401", false},
		{"127.0.0.1.example.com", false},
		{"localhost.example.com", false},
	} {
		for _, port := range []struct{ method, addr, path string }{
			{"POST", s.Addr().String(), "/v1/propose"},
			{"GET", s.Addr().String(), "/v1/status"},
			{"GET", s.AdminAddr().String(), "/livez"},
			{"GET", s.AdminAddr().String(), "/debug/pprof/cmdline"},
		} {
			code := asked(t, port.method, port.addr, port.path, c.host, "Origin", "http://"+c.host)
			want := http.StatusOK
			if !c.ok {
				want = http.StatusMisdirectedRequest
			}
			if code != want {
				t.Errorf("%s %s under the name %q: %d, want %d", port.method, port.path, c.host, code, want)
			}
		}
	}
}

func TestAllNamesCanBeAccepted(t *testing.T) {
	s := start(t, api.Options{Service: &fakeService{}, HostNames: []string{"*"}})
	if code := asked(t, "GET", s.Addr().String(), "/v1/status", "any.example.net"); code != http.StatusOK {
		t.Errorf("%d, want 200", code)
	}
}

// A web page of another site, on the port's own address, has the host of its reader take
// no profile: that would take as long as the page says, and a place of an operator's.
func TestNoWebPageTakesProfiles(t *testing.T) {
	s := start(t, api.Options{Service: &fakeService{}})
	for site, want := range map[string]int{
		"cross-site": http.StatusForbidden, "same-site": http.StatusForbidden,
		"same-origin": http.StatusOK, "none": http.StatusOK,
	} {
		for _, path := range []string{"cmdline", "heap", "trace?seconds=0.01"} {
			if code := asked(t, "GET", s.AdminAddr().String(), "/debug/pprof/"+path, "localhost", "Sec-Fetch-Site", site); code != want {
				t.Errorf("%s of a page that is %s: %d, want %d", path, site, code, want)
			}
		}
	}
}
