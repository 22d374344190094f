package httptransport

import (
	"net/http"
	"testing"
)

// B7: a version that no table knows, and one from the future, is tried; only
// the minimum of either end can forbid it.
func TestB7UnknownVersionsAreTried(t *testing.T) {
	url, _ := server(t, "")
	for _, version := range []string{"3.4.99", "3.99.0", "4.0.0", "17.0.0-rc.1+build"} {
		if response, text := call(t, "GET", url+"/raft/stream/message/2", 2, nil, header(headerVersion, version)); response.StatusCode != 200 {
			t.Errorf("%s: got %d %q", version, response.StatusCode, text)
		}
		if !streams(version) {
			t.Errorf("a peer that answers %s is not tried", version)
		}
	}
}

// B7: a path that a node does not serve has another code than a member that it
// does not know, on every channel. A dialler of today waits for the membership
// to change in the second case only; etcd's first release with both streams
// took the one for the other.
func TestB7UnknownPathAndUnknownMemberDiffer(t *testing.T) {
	url, _ := server(t, "")
	for _, path := range []string{"/raft/stream/other/2", "/raft/stream/other/99", "/raft/later", "/other"} {
		if response, text := call(t, "GET", url+path, 2, nil, nil); response.StatusCode != http.StatusNotImplemented || text != "invalid path" {
			t.Errorf("%s: got %d %q, want 501 invalid path", path, response.StatusCode, text)
		}
	}
	for _, kind := range []string{"message", "msgapp"} {
		response, text := call(t, "GET", url+"/raft/stream/"+kind+"/99", 99, nil, nil)
		if response.StatusCode != http.StatusNotFound || text != errUnknownSender.Error() {
			t.Errorf("stream %s of an unknown member: got %d %q, want 404 %s", kind, response.StatusCode, text, errUnknownSender)
		}
	}
}
