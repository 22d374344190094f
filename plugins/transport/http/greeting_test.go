package httptransport

import (
	"context"
	"net/http"
	"sync"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
)

// ownGreeting is what the node of these tests says, which knows peer 2 with the
// store 0x22 and peer 3 with none.
var ownGreeting = transport.Greeting{Store: 0x11, Number: 0x77, Founding: 0x88, Voters: 3}

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
		{"garbage for voters", 2, map[string]string{headerStore: "22", headerVoters: "three"}, "", "", 400},
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
					want, text = http.StatusPreconditionFailed, greetings.ErrMismatch.Error()
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

// A node that has not been told who it is yet does not greet as a member
// without a store: its peers would take it for one whose disk was emptied.
func TestBeforeTheFirstPeers(t *testing.T) {
	_, url := openNode(t, 1, "", &sink{arrived: make(chan int, 100)})
	body := encode(t, pluginv1.Message{Type: 8, From: 2, To: 1, Term: 1})
	response, text := call(t, "POST", url+"/raft", 2, body, header(headerStore, "22"))
	if response.StatusCode != http.StatusServiceUnavailable || text != greetings.ErrNotReady.Error() {
		t.Errorf("who greets: %d %q", response.StatusCode, text)
	}
	if response, text := call(t, "POST", url+"/raft", 2, body, nil); response.StatusCode != http.StatusNoContent {
		t.Errorf("who does not: %d %q", response.StatusCode, text)
	}
}

// accused keeps what the host is told of itself.
type accused struct {
	heard
	mu     sync.Mutex
	events []transport.Event
}

func (a *accused) Notify(events []transport.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range events {
		if e.Type == pluginv1.EventType_EVENT_MISMATCH && e.Verdict == transport.VerdictRefusedByPeer {
			a.events = append(a.events, e)
		}
	}
}

// One program that posts three messages under three numbers that no member has
// accuses a member of a loss, as three others would.
func TestStrangersDoNotAccuseByThePipeline(t *testing.T) {
	h := &accused{}
	tr := New(backend.Env{}).(*opened)
	tr.Timing = quick
	address, err := tr.Open(context.Background(), testOptions(1, ""), h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.Close(context.Background()) })
	set := transport.PeerSet{Self: transport.Greeting{Store: 1, Number: 10, Founding: 20}, Peers: []transport.Peer{{Id: 2, Urls: []string{"http://127.0.0.1:1"}, Store: 2}}}
	if err := tr.SetPeers(context.Background(), set); err != nil {
		t.Fatal(err)
	}
	for from := uint64(0xa); from < 0xd; from++ {
		status, _ := post(t, nil, http.MethodPost, "http://"+address+pathPipeline, from, nil, func(r *http.Request) {
			setNumber(r.Header, headerExpected, 0xbad)
		})
		if status != http.StatusPreconditionFailed {
			t.Errorf("%x is answered with %d", from, status)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.events) != 0 {
		t.Errorf("the host is told: %+v", h.events)
	}
}

// A refusal of another cluster's member, which has the peer's address now, accuses
// no member.
func TestAnotherClustersRefusalIsNoAccusation(t *testing.T) {
	for cluster, want := range map[uint64]int{testCluster: 1, testCluster + 1: 0} {
		h := &accused{}
		tr := New(backend.Env{}).(*opened)
		tr.Timing = quick
		if _, err := tr.Open(context.Background(), testOptions(1, ""), h); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = tr.Close(context.Background()) })
		if err := tr.SetPeers(context.Background(), transport.PeerSet{Self: ownGreeting, Peers: []transport.Peer{{Id: 2}}}); err != nil {
			t.Fatal(err)
		}
		request := &http.Request{Header: http.Header{}}
		setGreeting(request.Header, ownGreeting)
		answer := http.Header{}
		answer.Set(headerCluster, formatID(cluster))
		answer.Set(headerMismatch, "store")
		setNumber(answer, headerKnown, 0xbad)
		response := &http.Response{StatusCode: http.StatusPreconditionFailed, Header: answer, Request: request, Body: http.NoBody}
		if err := endpointOf(tr).Roster.Get(2).judge(response, func() error { return nil }); err == nil {
			t.Error("a refusal was taken for an answer")
		}
		h.mu.Lock()
		if len(h.events) != want {
			t.Errorf("cluster %x: the host is told %+v", cluster, h.events)
		}
		h.mu.Unlock()
	}
}
