package quictransport

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// ownGreeting is what the node of these tests says, which knows peer 2 with the
// store 0x22 and peer 3 with none.
var ownGreeting = transport.Greeting{Store: 0x11, Number: 0x77, Founding: 0x88, Voters: 3}

// Each greeting gets the answer that the format page says, with the node's own.
func TestAnswersToGreetings(t *testing.T) {
	heard := &events{}
	tr, url := openNode(t, 1, "", heard)
	err := tr.SetPeers(context.Background(), transport.PeerSet{
		Self: ownGreeting, Peers: []transport.Peer{{Id: 2, Store: 0x22}, {Id: 3}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		from     uint64
		says     transport.Greeting
		expected uint64
		misfit   misfit // 0: a welcome
		known    uint64
	}{
		{"the known store", 2, transport.Greeting{Store: 0x22}, 0, 0, 0},
		{"all of it", 2, transport.Greeting{Store: 0x22, Number: 0x77, Founding: 0x88}, 0x11, 0, 0},
		{"another store", 2, transport.Greeting{Store: 0x23}, 0, 1, 0x22},
		{"no store", 2, transport.Greeting{}, 0, 1, 0x22},
		{"another founding", 2, transport.Greeting{Store: 0x22, Founding: 0x89}, 0, 2, 0},
		{"another number", 2, transport.Greeting{Store: 0x22, Number: 0x78}, 0, 3, 0},
		{"expects another store", 2, transport.Greeting{Store: 0x22}, 0x12, misfitExpected, 0},
		{"says nothing and is not known", 3, transport.Greeting{}, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := testHello(c.from, 1)
			h.greeting, h.expected, h.insist = c.says, c.expected, true
			want := codeWelcome
			if c.misfit != 0 {
				want = codeMismatch
			}
			_, a := newCaller(t).greet(url, h)
			if a.code != want || a.misfit != c.misfit || a.known != c.known || a.greeting != ownGreeting {
				t.Errorf("got %+v, want code %d, misfit %d, known %x", a, want, c.misfit, c.known)
			}
		})
	}
	if n := heard.count(pluginv1.EventType_EVENT_MISMATCH, 2); n == 0 {
		t.Error("the host was not told")
	}
}

// A greeting of an older version ends before the new fields; one that is cut
// off in their middle is malformed.
func TestGreetingsOfOlderVersions(t *testing.T) {
	whole := hello{version: 1, oldest: 1, greeting: ownGreeting, expected: 5}.encode()
	short := whole[:len(whole)-greetingBytes-8-votersBytes]
	if h, err := decodeHello(short); err != nil || h.greeting != (transport.Greeting{}) || h.expected != 0 {
		t.Errorf("an older Hello: %+v, error %v", h, err)
	}
	noVoters := ownGreeting
	noVoters.Voters = 0
	if h, err := decodeHello(whole[:len(whole)-votersBytes]); err != nil || h.greeting != noVoters || h.expected != 5 {
		t.Errorf("a Hello without voters: %+v, error %v", h, err)
	}
	for n := len(short) + 1; n < len(whole); n++ {
		if _, err := decodeHello(whole[:n]); err == nil && n != len(whole)-votersBytes {
			t.Errorf("a Hello cut off at %d bytes of %d", n, len(whole))
		}
	}
	reply := answer{version: 1, greeting: ownGreeting, misfit: 1, known: 5}.encode()
	old := reply[:len(reply)-greetingBytes-1-8-votersBytes]
	if a, err := decodeAnswer(old); err != nil || a.greeting != (transport.Greeting{}) {
		t.Errorf("an older Answer: %+v, error %v", a, err)
	}
	if a, err := decodeAnswer(reply[:len(reply)-votersBytes]); err != nil || a.greeting != noVoters || a.known != 5 {
		t.Errorf("an Answer without voters: %+v, error %v", a, err)
	}
	for n := len(old) + 1; n < len(reply); n++ {
		if _, err := decodeAnswer(reply[:n]); err == nil && n != len(reply)-votersBytes {
			t.Errorf("an Answer cut off at %d bytes of %d", n, len(reply))
		}
	}
}

// A node that has not been told who it is yet does not greet as a member
// without a store.
func TestBeforeTheFirstPeers(t *testing.T) {
	_, url := openNode(t, 1, "", &events{})
	h := testHello(2, 1)
	h.greeting.Store = 0x22
	if _, a := newCaller(t).greet(url, h); a.code != codeNotReady {
		t.Errorf("who greets: %+v", a)
	}
	if _, a := newCaller(t).greet(url, testHello(2, 1)); a.code != codeWelcome {
		t.Errorf("who does not: %+v", a)
	}
}

// openLogged opens node 1 with what it says of itself and one peer.
func openLogged(t *testing.T, url string, self transport.Greeting, store uint64) (*opened, *notes) {
	t.Helper()
	log := &notes{}
	tr := New(backend.Env{Logger: slog.New(slog.NewTextHandler(log, nil))}).(*opened)
	tr.Timing = quick
	if _, err := tr.Open(context.Background(), testOptions(1, ""), &events{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.Close(context.Background()) })
	err := tr.SetPeers(context.Background(), transport.PeerSet{
		Self: self, Peers: []transport.Peer{{Id: 2, Urls: []string{url}, Store: store}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return tr, log
}

// Why a peer cannot be reached is a warning, once; when it is reached at last,
// that is said once too.
func TestWhyAPeerIsNotReached(t *testing.T) {
	self := transport.Greeting{Store: 0x1a}
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	foreign := testOptions(2, "")
	foreign.ClusterID++
	_, otherCluster := openWith(t, quick, foreign, &events{})
	_, otherMember := openNode(t, 7, "", &events{})
	known, knownURL := openNode(t, 2, "", &events{})
	other, otherURL := openNode(t, 2, "", &events{})
	for _, two := range []struct {
		tr    *opened
		store uint64
	}{{known, 0x1b}, {other, 0}} {
		err := two.tr.SetPeers(context.Background(), transport.PeerSet{
			Self: transport.Greeting{Store: 0x2a}, Peers: []transport.Peer{{Id: 1, Store: two.store}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, url string
		store     uint64
		reason    string
		parts     []string
	}{
		{"nobody answers", "quic://" + silent.LocalAddr().String(), 0, "timeout", nil},
		{"another cluster", otherCluster, 0, "other_cluster", nil},
		{"another member", otherMember, 0, "other_member", nil},
		{"it knows this one with another store", knownURL, 0, "other_store", []string{"own_greeting.store=1a", "peer_greeting.store=2a"}},
		{"it has another store", otherURL, 0x2b, "other_store", []string{"own_greeting.store=1a", "peer_greeting.store=2a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr, log := openLogged(t, c.url, self, c.store)
			want := "reason=" + c.reason
			eventually(t, "the reason", func() bool { return log.count(want) > 0 }, nil)
			for _, part := range append(c.parts, "level=WARN", "peer cannot be reached", "peer=2") {
				if log.count(part) == 0 {
					t.Errorf("no %s in\n%s", part, log.text.String())
				}
			}
			two, url := openNode(t, 2, "", &events{})
			connect(t, two, 1)
			err := tr.SetPeers(context.Background(), transport.PeerSet{Self: self, Peers: []transport.Peer{{Id: 2, Urls: []string{url}}}})
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "the end of it", func() bool { return log.count("peer can be reached again") > 0 }, nil)
			if log.count(want) != 1 || log.count("peer can be reached again") != 1 {
				t.Errorf("it is said more than once:\n%s", strings.TrimSpace(log.text.String()))
			}
		})
	}
}
