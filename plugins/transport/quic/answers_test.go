package quictransport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/quic-go/quic-go"

	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// caller is a program with QUIC and no transport.
type caller struct {
	t    *testing.T
	quic *quic.Transport
}

func newCaller(t *testing.T) *caller {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &caller{t: t, quic: &quic.Transport{Conn: socket}}
	t.Cleanup(func() {
		_ = c.quic.Close()
		_ = socket.Close()
	})
	return c
}

// dial makes a connection and says nothing.
func (c *caller) dial(url string) (*quic.Conn, error) {
	address, err := net.ResolveUDPAddr("udp", strings.TrimPrefix(url, "quic://"))
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return c.quic.Dial(ctx, address, clientOf(alpn), &quic.Config{})
}

// clientOf verifies nothing.
func clientOf(protocol string) *tls.Config {
	return &tls.Config{NextProtos: []string{protocol}, InsecureSkipVerify: true}
}

// say sends bytes on a first stream and returns what comes back.
func (c *caller) say(url string, first []byte) (*quic.Conn, answer, error) {
	c.t.Helper()
	conn, err := c.dial(url)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { closeConn(conn, closeDone, errClosing) })
	stream, err := conn.OpenStream()
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := stream.Write(first); err != nil {
		return conn, answer{}, err
	}
	_ = stream.Close()
	b, err := readGreeting(stream)
	if err != nil {
		return conn, answer{}, err
	}
	a, err := decodeAnswer(b)
	return conn, a, err
}

// greet says h.
func (c *caller) greet(url string, h hello) (*quic.Conn, answer) {
	c.t.Helper()
	conn, a, err := c.say(url, greeting(h))
	if err != nil {
		c.t.Fatal(err)
	}
	return conn, a
}

func greeting(h hello) []byte {
	var b strings.Builder
	_ = writeGreeting(&b, []byte{byte(streamGreeting)}, h.encode())
	return []byte(b.String())
}

func testHello(from, to uint64) hello {
	return hello{version: 1, oldest: 1, cluster: testCluster, from: from, to: to, run: 77}
}

// Each caller gets the answer that the format page says, and only a removed
// member is told that it was removed.
func TestAnswers(t *testing.T) {
	tr, url := openNode(t, 1, "", &events{})
	err := tr.SetPeers(context.Background(), transport.PeerSet{
		Peers:   []transport.Peer{{Id: 2}},
		Removed: []transport.RemovedMember{{Id: 3, Index: 71, Term: 5}},
	})
	if err != nil {
		t.Fatal(err)
	}
	with := func(h hello, change func(*hello)) hello {
		change(&h)
		return h
	}
	for _, c := range []struct {
		name  string
		hello hello
		want  code
	}{
		{"a peer", testHello(2, 1), codeWelcome},
		{"a newer version that knows ours", with(testHello(2, 1), func(h *hello) { h.version = 9 }), codeWelcome},
		{"a newer version that does not", with(testHello(2, 1), func(h *hello) { h.version, h.oldest = 9, 2 }), codeIncompatible},
		{"an older version", with(testHello(2, 1), func(h *hello) { h.version, h.oldest = 0, 0 }), codeIncompatible},
		{"another cluster", with(testHello(2, 1), func(h *hello) { h.cluster++ }), codeOtherCluster},
		{"a removed member of another cluster", with(testHello(3, 1), func(h *hello) { h.cluster++ }), codeOtherCluster},
		{"a removed member", testHello(3, 1), codeRemoved},
		{"for another member", testHello(2, 9), codeNotForMe},
		{"from this very member", testHello(1, 1), codeNotForMe},
		{"an unknown member", testHello(8, 1), codeWelcome},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, a := newCaller(t).greet(url, c.hello)
			if a.code != c.want || a.cluster != testCluster || a.from != 1 || a.version != 1 || a.run == 0 {
				t.Errorf("got %+v, want code %d", a, c.want)
			}
			if removed := a.index == 71 && a.term == 5; removed != (c.want == codeRemoved) {
				t.Errorf("got index %d, term %d", a.index, a.term)
			}
		})
	}
}

// Bytes that are not a Hello are refused within limits.
func TestBadGreetings(t *testing.T) {
	_, url := openNode(t, 1, "", &events{})
	for name, first := range map[string][]byte{
		"another kind of stream":  {byte(streamSnapshot), 0, 0, 0, 0},
		"too long":                {byte(streamGreeting), 0xff, 0xff, 0xff, 0xff},
		"cut off":                 greeting(testHello(2, 1))[:20],
		"too many URLs":           append(greeting(testHello(2, 1))[:5+37], 0xff),
		"empty":                   {byte(streamGreeting), 0, 0, 0, 0},
		"a URL longer than it is": append(greeting(testHello(2, 1))[:5+37], 1, 0xff, 0xff),
	} {
		t.Run(name, func(t *testing.T) {
			conn, a, err := newCaller(t).say(url, first)
			if err == nil && a.code != codeRefused {
				t.Errorf("got %+v, want a refusal", a)
			}
			<-conn.Context().Done()
		})
	}
}

// Of two connections to one peer the one dialled by the lower id stays, unless
// its dialler knows better.
func TestTwoConnections(t *testing.T) {
	tr, url := openWith(t, endless, testOptions(2, ""), &events{})
	peer, peerURL := openWith(t, endless, testOptions(5, ""), &events{})
	connect(t, tr, 5, peerURL)
	connect(t, peer, 2)
	link := func() *link { return endpointOf(tr).Roster.Named()[5].link.Load() }
	dialled := func() bool { l := link(); return l != nil && l.dialler == 2 && l.conn.Context().Err() == nil }
	eventually(t, "a connection", dialled, nil)
	h := testHello(5, 2)
	h.run = endpointOf(peer).self.run
	if _, a := newCaller(t).greet(url, h); a.code != codeConnected {
		t.Errorf("a second connection by the higher id: got %+v, want connected", a)
	}
	h.insist = true
	if _, a := newCaller(t).greet(url, h); a.code != codeWelcome {
		t.Errorf("who insists: got %+v, want a welcome", a)
	}
	eventually(t, "the dialled connection again", dialled, func() {
		if l := link(); l != nil && l.dialler == 5 {
			closeConn(l.conn, closeDone, errClosing)
		}
	})
	h.insist, h.run = false, h.run+1
	if _, a := newCaller(t).greet(url, h); a.code != codeWelcome {
		t.Errorf("another run of the peer: got %+v, want a welcome", a)
	}
}

// B1: a removed member that has nothing to send hears of it, with the proof,
// also if it knows the survivor only as a remote.
func TestB1RemovedMemberHearsOfIt(t *testing.T) {
	for _, remote := range []bool{false, true} {
		survivor, url := openNode(t, 1, "", &events{})
		heard := &events{}
		removed, _ := openNode(t, 2, "", heard)
		err := errors.Join(
			removed.SetPeers(context.Background(), transport.PeerSet{Peers: []transport.Peer{{Id: 1, Urls: []string{url}, Remote: remote}}}),
			survivor.SetPeers(context.Background(), transport.PeerSet{Removed: []transport.RemovedMember{{Id: 2, Index: 71, Term: 5}}}),
		)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the removal", func() bool {
			heard.mu.Lock()
			defer heard.mu.Unlock()
			for _, e := range heard.notified {
				if e.Peer == 1 && e.Index == 71 && e.Term == 5 {
					return true
				}
			}
			return false
		}, nil)
	}
}
