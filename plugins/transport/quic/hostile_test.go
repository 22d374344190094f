package quictransport

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"github.com/quic-go/quic-go"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
)

// Datagrams of anything, also such that begin like QUIC, change nothing.
func TestGarbageDatagrams(t *testing.T) {
	p := newPair(t, quick, "")
	target, err := net.ResolveUDPAddr("udp", strings.TrimPrefix(p.urlOne, "quic://"))
	if err != nil {
		t.Fatal(err)
	}
	socket, err := net.DialUDP("udp", nil, target)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	random := rand.New(rand.NewPCG(1, 2))
	for n := range uint64(20_000) {
		b := make([]byte, random.IntN(1500))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		if len(b) > 20 && n%2 == 0 {
			b[0] |= 0xc0 // a long header of version 1
			binary.BigEndian.PutUint32(b[1:], 1)
			b[5] = 8
		}
		_, _ = socket.Write(b)
	}
	p.pass(t, 9)
	if n := endpointOf(p.one).doors.count(); n > 0 {
		eventually(t, "garbage to be forgotten", func() bool { return endpointOf(p.one).doors.count() == 0 }, nil)
	}
}

// 1,000 clients that connect and say nothing: no more than the limit get in,
// all are put out, and meanwhile messages pass. A peer that comes then gets in.
func TestSilentClientsAreBounded(t *testing.T) {
	const limit = 16
	atOne, atTwo := &events{}, &events{}
	one, urlOne := openNode(t, 1, "max_connections_per_address: 16", atOne)
	two, urlTwo := openNode(t, 2, "", atTwo)
	connect(t, one, 2, urlTwo)
	connect(t, two, 1, urlOne)
	establish(t, two, atOne, 2, 1)
	doors := endpointOf(one).doors
	c := newCaller(t)
	var inside []*quic.Conn
	for n := range uint64(1000) {
		if conn, err := c.dial(urlOne); err == nil {
			inside = append(inside, conn)
		}
		if got := doors.count(); got > limit {
			t.Fatalf("%d connections, limit %d", got, limit)
		}
		if n%100 == 0 {
			m := beat(t, 2, 1, 100+n)
			send(t, two, m)
			eventually(t, "a message past silent clients", func() bool { return atOne.got(m.Payload) }, nil)
		}
	}
	for _, conn := range inside {
		<-conn.Context().Done()
	}
	eventually(t, "silent clients to be put out", func() bool { return doors.count() <= 1 }, nil)
	three, _ := openNode(t, 3, "", &events{})
	connect(t, three, 1, urlOne)
	establish(t, three, atOne, 3, 1)
}

// Datagrams of 1,000 senders that begin a handshake and do not go on cost a
// bounded number of connections, and those end.
func TestUnfinishedHandshakesAreBounded(t *testing.T) {
	tr, url := openNode(t, 1, "max_connections: 40\nmax_connections_per_address: 40", &events{})
	doors := endpointOf(tr).doors
	most := 0
	flood(t, url, 1000, func() { most = max(most, doors.count()) })
	if most == 0 || most > 40 {
		t.Errorf("%d connections at most, limit 40", most)
	}
	eventually(t, "unfinished handshakes to end", func() bool { return doors.count() == 0 }, nil)
}

// flood sends first packets of so many connections, and calls sent after each.
// The answers are not read.
func flood(t *testing.T, url string, n int, sent func()) {
	t.Helper()
	target, err := net.ResolveUDPAddr("udp", strings.TrimPrefix(url, "quic://"))
	if err != nil {
		t.Fatal(err)
	}
	sink, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	c := newCaller(t)
	packet := make([]byte, 2048)
	for range n {
		ctx, cancel := context.WithCancel(context.Background())
		dialled := make(chan struct{})
		go func() {
			defer close(dialled)
			_, _ = c.quic.Dial(ctx, sink.LocalAddr(), clientOf(alpn), &quic.Config{})
		}()
		size, err := sink.Read(packet)
		if err == nil {
			_, err = sink.WriteToUDP(packet[:size], target)
		}
		cancel()
		<-dialled
		if err != nil {
			t.Fatal(err)
		}
		sent()
	}
}

// While many callers have not greeted, a first packet costs nothing until its
// sender has shown that its address is its own; a sender that shows it gets
// in.
func TestCallersAreDoubtedWhenManyHaveNotGreeted(t *testing.T) {
	tr, url := openWith(t, endless, testOptions(1, "max_connections: 200\nmax_connections_per_address: 200"), &events{})
	connect(t, tr, 2)
	doors := endpointOf(tr).doors
	c := newCaller(t)
	for range unfinishedBeforeRetry {
		if _, err := c.dial(url); err != nil {
			t.Fatal(err)
		}
	}
	flood(t, url, 100, func() {})
	// The greeting takes some round trips; all that came before it is dealt
	// with.
	if _, a := c.greet(url, testHello(2, 1)); a.code != codeWelcome {
		t.Errorf("a caller whose address is its own got %+v", a)
	}
	if n := doors.count(); n != unfinishedBeforeRetry+1 {
		t.Errorf("%d connections, want %d that have not greeted and 1 that has", n, unfinishedBeforeRetry)
	}
}

// First packets in the name of an address, which any program can send, do not keep out
// the member that has it.
func TestFirstPacketsDoNotTakeTheirAddressesPlaces(t *testing.T) {
	tr, url := openWith(t, endless, testOptions(1, "max_connections_per_address: 16"), &events{})
	connect(t, tr, 2)
	doors := endpointOf(tr).doors
	flood(t, url, 100, func() {})
	conn, err := newCaller(t).dial(url)
	if err != nil {
		t.Fatalf("the member was not let in: %v", err)
	}
	defer closeConn(conn, closeDone, errClosing)
	if n := doors.count(); n > 16/silentBeforeRetry+1 {
		t.Errorf("%d connections, want %d of first packets and the member's", n, 16/silentBeforeRetry)
	}
}

// stream opens a stream of a welcome caller and sends bytes on it.
func stream(t *testing.T, conn *quic.Conn, b ...byte) *quic.SendStream {
	t.Helper()
	s, err := conn.OpenUniStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(b); err != nil {
		t.Fatal(err)
	}
	return s
}

func messageFrame(payload []byte) []byte {
	return append(appendFrameHead(nil, tagMessage, len(payload)), payload...)
}

// Some things a peer may do on its streams, others end the connection.
func TestStreams(t *testing.T) {
	good := encode(t, pluginv1.Message{Type: 8, From: 2, To: 1, Term: 1})
	for _, c := range []struct {
		name  string
		bytes []byte
		ends  bool
	}{
		{"a message", messageFrame(good), false},
		{"a frame of an unknown tag, then a message", append([]byte{9, 0, 0, 0, 2, 1, 2}, messageFrame(good)...), false},
		{"a length over the limit", []byte{tagMessage, 0xff, 0xff, 0xff, 0xff}, true},
		{"no message", messageFrame([]byte{0xff}), true},
		{"from somebody else", messageFrame(encode(t, pluginv1.Message{Type: 8, From: 3, To: 1, Term: 1})), true},
		{"to somebody else", messageFrame(encode(t, pluginv1.Message{Type: 8, From: 2, To: 3, Term: 1})), true},
		{"a snapshot", messageFrame(encode(t, pluginv1.Message{Type: 7, From: 2, To: 1, Term: 1})), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := &events{}
			tr, url := openWith(t, endless, testOptions(1, ""), got)
			connect(t, tr, 2)
			conn, a := newCaller(t).greet(url, testHello(2, 1))
			if a.code != codeWelcome {
				t.Fatalf("got %+v", a)
			}
			stream(t, conn, append([]byte{byte(streamControl)}, c.bytes...)...)
			if c.ends {
				<-conn.Context().Done()
				var closed *quic.ApplicationError
				if err := context.Cause(conn.Context()); !errors.As(err, &closed) || closed.ErrorCode != closeProtocol {
					t.Errorf("the connection ended with %v", err)
				}
				if got.got(good) {
					t.Error("a message was delivered")
				}
				return
			}
			eventually(t, "the message", func() bool { return got.got(good) }, nil)
		})
	}
}

// A stream of an unknown kind is refused alone; a second one of a kind ends
// the connection; so does a peer without a control stream.
func TestKindsOfStreams(t *testing.T) {
	got := &events{}
	tr, url := openNode(t, 1, "", got)
	connect(t, tr, 2)
	conn, _ := newCaller(t).greet(url, testHello(2, 1))
	<-stream(t, conn, 200).Context().Done()
	good := encode(t, pluginv1.Message{Type: 8, From: 2, To: 1, Term: 1})
	stream(t, conn, append([]byte{byte(streamControl)}, messageFrame(good)...)...)
	eventually(t, "a message after an unknown stream", func() bool { return got.got(good) }, nil)
	stream(t, conn, byte(streamControl))
	<-conn.Context().Done()

	conn, _ = newCaller(t).greet(url, testHello(2, 1))
	<-conn.Context().Done() // it never opens a control stream
	if n := got.count(pluginv1.EventType_EVENT_UNREACHABLE, 2); n == 0 {
		t.Error("no report")
	}
}

// A peer that never reads loses its connection, and what waited is reported;
// until then it is kept within limits.
func TestPeerThatNeverReads(t *testing.T) {
	got := &events{}
	tr, url := openNode(t, 1, "queue_bytes: 1048576", got)
	connect(t, tr, 2)
	conn, _ := newCaller(t).greet(url, testHello(2, 1))
	stream(t, conn, byte(streamControl))
	m := beat(t, 1, 2, 1)
	m.Class = pluginv1.MessageClass_CLASS_APPEND
	m.Payload = make([]byte, 512<<10)
	for range 20 {
		send(t, tr, m)
	}
	p := endpointOf(tr).Roster.Named()[2]
	if n := p.waiting(streamAppend); n > 3 {
		t.Errorf("%d messages of 512 KiB wait, limit 1 MiB", n)
	}
	<-conn.Context().Done()
	eventually(t, "reports", func() bool {
		return got.count(pluginv1.EventType_EVENT_UNREACHABLE, 2) > 0 && got.count(pluginv1.EventType_EVENT_INACTIVE, 2) > 0
	}, nil)
}
