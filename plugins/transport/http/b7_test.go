package httptransport

import "testing"

// B7: a version that no table knows, and one from the future, is tried; what
// decides is only whether either end's minimum forbids it. An unknown path and
// an unknown member have answers that a dialler can tell apart: both are 404
// on rafthttp's wire, with different texts.
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
	_, path := call(t, "GET", url+"/raft/stream/other/2", 2, nil, nil)
	_, member := call(t, "GET", url+"/raft/stream/message/99", 2, nil, nil)
	if path == member {
		t.Errorf("unknown path and unknown member both answer %q", path)
	}
}
