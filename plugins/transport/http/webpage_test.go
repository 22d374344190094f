package httptransport

import (
	"net/http"
	"testing"
)

// A web page that reaches the members' port through its reader's browser gets
// nothing, though it may set the headers of a member.
func TestNoWebPageSpeaksToMembers(t *testing.T) {
	url, _ := server(t, "")
	for name, traits := range map[string][2]string{
		"a POST or a page elsewhere": {"Origin", "http://rebound.example.org"},
		"a sandboxed page":           {"Origin", "null"},
		"a GET of a secure page":     {"Sec-Fetch-Site", "same-origin"},
		"a navigation":               {"Sec-Fetch-Mode", "navigate"},
		"a GET of a plain page":      {"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"},
	} {
		t.Run(name, func(t *testing.T) {
			for path, method := range map[string]string{
				pathStream + "/message/2": http.MethodGet, pathPipeline: http.MethodPost,
				pathSnapshot: http.MethodPost, pathProbing: http.MethodGet,
			} {
				response, text := call(t, method, url+path, 2, nil, header(traits[0], traits[1]))
				if response.StatusCode != http.StatusForbidden {
					t.Errorf("%s %s: %d %q, want 403", method, path, response.StatusCode, text)
				}
			}
		})
	}
}
