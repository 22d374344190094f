package httptransport

import (
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

func ack(term uint64, reject bool) pluginv1.Message {
	return pluginv1.Message{Type: raftmsg.TypeAppResp, Term: term, Index: 1, Reject: reject}
}

// app is an append of entries of its own term, after index.
func app(term, logTerm, index uint64, count int) pluginv1.Message {
	m := pluginv1.Message{Type: raftmsg.TypeApp, Term: term, LogTerm: logTerm, Index: index, Commit: index}
	for i := range count {
		m.Entries = append(m.Entries, pluginv1.Entry{Term: term, Index: index + uint64(i) + 1, Data: []byte("data")})
	}
	return m
}

// B7: a peer of 2.0 takes the path of the newer stream for an id it cannot
// read. It is asked for the older one as soon as this node has accepted its
// appends, once for each term; a rejection tells nothing.
func TestB7OldPeerIsDialledForEachTerm(t *testing.T) {
	peer, h := startOldPeer(t), newInbox()
	tr, _ := openNode(t, 1, "old_peers: true", h)
	connect(t, tr, 2, peer.url)

	sendMessage(t, tr, ack(9, true))
	sendMessage(t, tr, ack(3, false))
	first := next(t, "the stream of term 3", peer.streams)
	if first.term != "3" {
		t.Fatalf("dialled for term %s", first.term)
	}
	first.write(t, 3, 5)
	first.write(t, 3)
	first.write(t, 3, 6, 7)
	for _, want := range []struct{ index, entries uint64 }{{4, 1}, {5, 2}} {
		m := next(t, "an append", h.messages)
		if m.Type != raftmsg.TypeApp || m.From != 2 || m.To != 1 || m.Term != 3 || m.LogTerm != 3 ||
			m.Index != want.index || uint64(len(m.Entries)) != want.entries || m.Commit != 0 {
			t.Errorf("got %v, want one after %d with %d entries", &m, want.index, want.entries)
		}
	}

	sendMessage(t, tr, ack(4, false))
	next(t, "the end of the stream of term 3", first.closed)
	second := next(t, "the stream of term 4", peer.streams)
	if second.term != "4" {
		t.Fatalf("dialled for term %s", second.term)
	}
	second.write(t, 3, 8) // of another term: the stream is given up, and nothing delivered
	next(t, "the end of a stream with a foreign entry", second.closed)
	third := next(t, "the stream of term 4 again", peer.streams)
	third.write(t, 4, 9)
	if m := next(t, "an append", h.messages); m.Index != 8 || m.Term != 4 {
		t.Errorf("got %v", &m)
	}
}

// A peer that was upgraded is asked for the newer streams again.
func TestB7UpgradedPeerGetsTheNewerStreams(t *testing.T) {
	peer, h := startOldPeer(t), newEvents()
	one, urlOne := openNode(t, 1, "old_peers: true", h)
	connect(t, one, 2, peer.url)
	sendMessage(t, one, ack(3, false))
	old := next(t, "the older stream", peer.streams)
	two, urlTwo := openNode(t, 2, "", newEvents())
	connect(t, two, 1, urlOne)
	connect(t, one, 2, urlTwo)
	close(old.end)
	for kind := range streamKinds {
		waitWriter(t, two, 1, kind)
	}
}

// dialOld asks for a stream as a peer of 2.0 does.
func dialOld(t *testing.T, url, term string) *http.Response {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, url+"/raft/stream/2", nil)
	if err != nil {
		t.Fatal(err)
	}
	oldRequest(term)(request)
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// B7: messages that a stream of the older form can carry go over it, in order,
// and all else through the pipeline. An append of a newer term ends it, and
// after that its term is refused.
func TestB7OldPeerIsServed(t *testing.T) {
	peer := startOldPeer(t)
	tr, url := openNode(t, 1, "old_peers: true", &sink{arrived: make(chan int, 100)})
	connect(t, tr, 2, peer.url)
	stream := dialOld(t, url, "3")
	if stream.StatusCode != http.StatusOK {
		t.Fatalf("answer %s", stream.Status)
	}
	waitWriter(t, tr, 2, appendStream)
	entries := func(count int) (all []pluginv1.Entry) {
		for len(all) < count {
			some, err := readOldFrame(stream.Body)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, some...)
		}
		return all
	}
	sendMessage(t, tr, app(3, 3, 4, 2))
	sendMessage(t, tr, app(3, 3, 6, 0)) // commit only: it has nothing to say here
	sendMessage(t, tr, app(3, 3, 6, 1))
	want := append(app(3, 3, 4, 2).Entries, app(3, 3, 6, 1).Entries...)
	if got := entries(3); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	sendMessage(t, tr, app(3, 3, 7, 0))
	for _, m := range []pluginv1.Message{
		app(3, 3, 7, 0),               // again, with no news: it asks for an answer
		app(3, 2, 7, 1),               // after an entry of an older term
		app(3, 3, 20, 0),              // a probe: not where the stream is
		app(2, 2, 7, 1),               // of an older term
		app(3, 0, 0, 1),               // after nothing
		{Type: 8, Term: 3, Commit: 6}, // raft's heartbeat brings the commit index
	} {
		sendMessage(t, tr, m)
		m.From, m.To = 1, 2
		if got := next(t, "a message of the pipeline", peer.posts); !reflect.DeepEqual(got, m) {
			t.Errorf("got %v through the pipeline, want %v", &got, &m)
		}
	}
	sendMessage(t, tr, app(4, 4, 7, 1))
	if got := next(t, "the append of a newer term", peer.posts); got.Term != 4 {
		t.Errorf("got %v", &got)
	}
	for {
		if _, err := readOldFrame(stream.Body); err != nil {
			break // the stream has ended
		}
	}
	if again := dialOld(t, url, "3"); again.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("a term that is over: answer %s", again.Status)
	}
	if again := dialOld(t, url, "4"); again.StatusCode != http.StatusOK {
		t.Errorf("the new term: answer %s", again.Status)
	}
}

// The answers to requests of old peers, and to those of newer ones meanwhile.
func TestB7OldRequests(t *testing.T) {
	url, s := server(t, "old_peers: true")
	changed := func(key, value string) func(*http.Request) {
		return func(r *http.Request) { oldRequest("3")(r); r.Header.Set(key, value) }
	}
	for _, c := range []struct {
		name, path string
		change     func(*http.Request)
		code       int
		text       string
	}{
		{"good", "2", oldRequest("3"), 200, ""},
		{"2.0", "2", changed(headerVersion, "2.0.13"), 200, ""},
		{"2.3", "message/2", changed(headerVersion, "2.3.8"), 200, ""},
		{"older than all", "2", changed(headerVersion, "1.9.0"), 412, "incompatible version"},
		{"in no table", "2", changed(headerVersion, "3.4.99"), 200, ""},
		{"from the future", "2", changed(headerVersion, "17.0.0"), 200, ""},
		{"no term", "2", oldRequest(""), 400, "invalid term field"},
		{"term 0", "2", oldRequest("0"), 400, "invalid term field"},
		{"malformed term", "2", oldRequest("0x3"), 400, "invalid term field"},
		{"cluster", "2", changed(headerCluster, "1"), 412, "cluster ID mismatch"},
		{"to", "2", changed(headerTo, "9"), 412, "to field mismatch"},
		{"unknown path", "msgapp/other/2", oldRequest("3"), 501, "invalid path"},
		{"no id", "xyz", oldRequest("3"), 404, "invalid path"},
		{"unknown member", "99", oldRequest("3"), 404, "error sender not found"},
		{"remote", "3", oldRequest("3"), 404, "error sender not found"},
		{"removed", "4", oldRequest("3"), 410, "removed member"},
	} {
		t.Run(c.name, func(t *testing.T) {
			response, text := call(t, "GET", url+"/raft/stream/"+c.path, 2, nil, c.change)
			if response.StatusCode != c.code || text != c.text {
				t.Errorf("got %d %q, want %d %q", response.StatusCode, text, c.code, c.text)
			}
			if c.name == "2.3" && response.Header.Get(headerVersion) != "2.3.0" {
				t.Errorf("such a peer refuses streams of version %s", response.Header.Get(headerVersion))
			}
		})
	}
	for from, code := range map[uint64]int{2: 204, 4: 410, 99: 404} {
		body := encode(t, pluginv1.Message{Type: 8, From: from, To: 1, Term: 1})
		if response, text := call(t, "POST", url+"/raft", from, body, oldRequest("")); response.StatusCode != code {
			t.Errorf("message of %d: got %d %q, want %d", from, response.StatusCode, text, code)
		}
	}
	if len(s.arrived) != 1 {
		t.Errorf("%d messages were delivered, want 1", len(s.arrived))
	}
}

// Without old_peers, a missing version is not accepted in silence.
func TestB7OldPeersAreRefusedUnlessAskedFor(t *testing.T) {
	url, _ := server(t, "")
	for _, path := range []string{"/raft/stream/2", "/raft/stream/message/2"} {
		if response, text := call(t, "GET", url+path, 2, nil, oldRequest("3")); response.StatusCode != 412 {
			t.Errorf("%s: got %d %q", path, response.StatusCode, text)
		}
	}
	if response, text := call(t, "GET", url+"/raft/stream/2", 2, nil, nil); text != "invalid path" {
		t.Errorf("of a newer peer: got %d %q", response.StatusCode, text)
	}
}

// Only an answer that says 2.0, by a version or by saying nothing, is taken
// for one of an old peer; unknown versions are tried, not refused.
func TestB7AnswersOfOldPeers(t *testing.T) {
	self := identity{node: 1, cluster: testCluster, oldPeers: true}
	for _, c := range []struct {
		version string
		code    int
		want    error
	}{
		{"", 404, errOldPeer},
		{"2.0.3", 404, errOldPeer},
		{"2.0.3", 200, errOldPeer},
		{"2.1.0", 200, nil},
		{"3.4.99", 200, nil},
		{"17.0.0", 200, nil},
		{"3.5.0", 404, errUnknownSender},
		{"17.0.0", 404, errUnknownSender},
		{"garbage", 404, errUnknownSender},
		{"", 503, errUnknownSender},
	} {
		response := &http.Response{StatusCode: c.code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(errUnknownSender.Error()))}
		if c.version != "" {
			response.Header.Set(headerVersion, c.version)
		}
		err := checkStreamAnswer(response, self)
		if !errors.Is(err, c.want) {
			t.Errorf("%q with %d: got %v, want %v", c.version, c.code, err, c.want)
		}
	}
}
