package httptransport

import (
	"context"
	"net/http"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// ownGreeting is what the node of these tests says, which knows peer 2 with the
// store 0x22 and peer 3 with none.
var ownGreeting = transport.Greeting{Store: 0x11, Number: 0x77, Founding: 0x88}

func greetingServer(t *testing.T) (string, *sink) {
	t.Helper()
	s := &sink{arrived: make(chan int, 100)}
	tr, url := openNode(t, 1, "", s)
	err := tr.SetPeers(context.Background(), transport.PeerSet{
		Self: ownGreeting, Peers: []transport.Peer{{Id: 2, Store: 0x22}, {Id: 3}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return url, s
}

// channels are one request of each.
func channels(t *testing.T, from uint64) map[string]struct {
	method, path string
	body         []byte
	good         int
} {
	id := formatID(from)
	return map[string]struct {
		method, path string
		body         []byte
		good         int
	}{
		"msgapp stream":   {"GET", "/raft/stream/msgapp/" + id, nil, 200},
		"message stream":  {"GET", "/raft/stream/message/" + id, nil, 200},
		"pipeline":        {"POST", "/raft", encode(t, pluginv1.Message{Type: 8, From: from, To: 1, Term: 1}), 204},
		"snapshot":        {"POST", "/raft/snapshot", nil, 400},
		"part":            {"POST", "/raft/snapshot/5", nil, 400},
		"progress":        {"GET", "/raft/snapshot/5", nil, 200},
		"end of transfer": {"DELETE", "/raft/snapshot/5", nil, 204},
		"probe":           {"GET", "/raft/probing", nil, 200},
	}
}

// Every channel judges the greeting of a request, and answers with the codes,
// texts and headers that the format page says.
func TestGreetingsOfRequests(t *testing.T) {
	url, s := greetingServer(t)
	delivered := 0
	for _, c := range []struct {
		name     string
		from     uint64
		headers  map[string]string
		mismatch string // "" if it is heard
		known    string
		code     int // instead of 412
	}{
		{"the known store", 2, map[string]string{headerStore: "22"}, "", "", 0},
		{"all of it", 2, map[string]string{headerStore: "22", headerNumber: "77", headerFounding: "88", headerExpected: "11"}, "", "", 0},
		{"another store", 2, map[string]string{headerStore: "23"}, "store", "22", 0},
		{"no store", 2, nil, "store", "22", 0},
		{"another founding", 2, map[string]string{headerStore: "22", headerFounding: "89"}, "founding", "", 0},
		{"another number", 2, map[string]string{headerStore: "22", headerNumber: "78"}, "number", "", 0},
		{"expects another store", 2, map[string]string{headerStore: "22", headerExpected: "12"}, "expected", "", 0},
		{"says nothing and is not known", 3, nil, "", "", 0},
		{"garbage for a store", 2, map[string]string{headerStore: "22 or so"}, "", "", 400},
		{"a number that is too large", 2, map[string]string{headerStore: "22", headerNumber: "11112222333344445"}, "", "", 400},
		{"garbage for a founding", 2, map[string]string{headerStore: "22", headerFounding: "-1"}, "", "", 400},
		{"garbage for what it expects", 2, map[string]string{headerStore: "22", headerExpected: "0x11"}, "", "", 400},
	} {
		for channel, r := range channels(t, c.from) {
			t.Run(c.name+"/"+channel, func(t *testing.T) {
				want, text := r.good, ""
				switch {
				case c.code != 0:
					want, text = c.code, errGreeting.Error()
				case c.mismatch != "":
					want, text = http.StatusPreconditionFailed, errMismatch.Error()
				case channel == "pipeline":
					delivered++
				}
				response, got := call(t, r.method, url+r.path, c.from, r.body, func(q *http.Request) {
					for key, value := range c.headers {
						q.Header.Set(key, value)
					}
				})
				if response.StatusCode != want || (text != "" && got != text) {
					t.Fatalf("got %d %q, want %d %q", response.StatusCode, got, want, text)
				}
				if response.Header.Get(headerMismatch) != c.mismatch || response.Header.Get(headerKnown) != c.known {
					t.Errorf("refused for %q, known with %q; want %q, %q",
						response.Header.Get(headerMismatch), response.Header.Get(headerKnown), c.mismatch, c.known)
				}
				if said, err := greetingOf(response.Header); c.code == 0 && (err != nil || said != ownGreeting) {
					t.Errorf("the answer says %+v, error %v", said, err)
				}
			})
		}
	}
	if len(s.arrived) != delivered {
		t.Errorf("%d messages were delivered, want %d", len(s.arrived), delivered)
	}
}

// A node that has not been told who it is yet tells nobody that it is nobody:
// its peers would take it for one whose disk was emptied.
func TestBeforeTheFirstPeers(t *testing.T) {
	_, url := openNode(t, 1, "", &sink{arrived: make(chan int, 100)})
	body := encode(t, pluginv1.Message{Type: 8, From: 2, To: 1, Term: 1})
	response, text := call(t, "POST", url+"/raft", 2, body, header(headerStore, "22"))
	if response.StatusCode != http.StatusServiceUnavailable || text != errNotReady.Error() {
		t.Errorf("who greets: %d %q", response.StatusCode, text)
	}
	if response, text := call(t, "POST", url+"/raft", 2, body, nil); response.StatusCode != http.StatusNoContent {
		t.Errorf("who does not: %d %q", response.StatusCode, text)
	}
}
