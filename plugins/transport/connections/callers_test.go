package connections

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/shell"
)

// loopback is TCP, and notes nothing.
type loopback struct{}

func (loopback) Listen(context.Context, string) (net.Listener, error) {
	return net.Listen("tcp", "127.0.0.1:0")
}

func (loopback) Dial(ctx context.Context, u *url.URL) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", u.Host)
}

// heard is a host that keeps what it is told.
type heard struct {
	mu       sync.Mutex
	messages []transport.Envelope
	events   []transport.Event
	content  []byte
}

func (h *heard) Deliver(envelopes []transport.Envelope) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.messages = append(h.messages, envelopes...)
}

func (h *heard) Notify(events []transport.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, events...)
}

func (h *heard) ReceiveSnapshot(_ context.Context, _ transport.SnapshotHeader, r io.Reader) error {
	content, err := io.ReadAll(r)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.content = content
	return err
}

func (h *heard) delivered() []transport.Envelope {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.messages)
}

// member is node 1 of cluster 9, which knows node 2.
func member(t testing.TB) (*node, string, *heard) { return memberOf(t, loopback{}) }

// memberOf is that member on another network.
func memberOf(t testing.TB, network Network) (*node, string, *heard) {
	t.Helper()
	opened := New(nil, Backend{
		Info:      plugins.Info{Capabilities: []plugins.Capability{transport.Scheme("tcp")}},
		Configure: func([]byte) (Network, error) { return network, nil },
	}).(*shell.Shell[struct{}])
	h := &heard{}
	address, err := opened.Open(t.Context(), transport.Options{Options: plugins.Options{
		ClusterID: 9, NodeID: 1, Group: 1, Election: time.Second, Limits: plugins.DefaultLimits(),
	}}, h)
	if err == nil {
		err = opened.SetPeers(t.Context(), transport.PeerSet{Peers: []transport.Peer{{Id: 2}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	e, err := opened.Endpoint()
	if err != nil {
		t.Fatal(err)
	}
	return e.(*node), address, h
}

// call says hello, and returns the answer with the connection.
func call(t testing.TB, n *node, address string, h hello) (*link, answer) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	l, a := newLink(conn), answer{}
	if err := writeJSON(conn, frameHello, h); err != nil {
		t.Fatal(err)
	}
	if err := n.readJSON(l.r, frameAnswer, &a); err != nil {
		t.Fatal(err)
	}
	return l, a
}

func good(lane string) hello { return hello{Cluster: 9, From: 2, To: 1, Lane: lane} }

// awaitEnd waits for the other end to close, and is true if it does.
func awaitEnd(t testing.TB, l *link) {
	t.Helper()
	if err := l.conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, err := io.Copy(io.Discard, l.r); errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatal("the connection stands")
	}
}

// A caller that is not wanted gets an answer that says why, and nothing of it is heard.
func TestCallersAreJudged(t *testing.T) {
	n, address, h := member(t)
	if err := n.SetPeers(transport.PeerSet{
		Peers: []transport.Peer{{Id: 2}}, Removed: []transport.RemovedMember{{Id: 3, Index: 7, Term: 2}},
	}); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		change func(*hello)
		code   string
	}{
		"another cluster":       {func(h *hello) { h.Cluster = 8 }, codeRefused},
		"for another member":    {func(h *hello) { h.To = 4 }, codeRefused},
		"under this one's name": {func(h *hello) { h.From = 1 }, codeRefused},
		"under none":            {func(h *hello) { h.From = 0 }, codeRefused},
		"an unknown lane":       {func(h *hello) { h.Lane = "other" }, codeRefused},
		"a removed member":      {func(h *hello) { h.From = 3 }, codeRemoved},
		"another store":         {func(h *hello) { h.Expected = 5 }, codeNotMeant},
		"a member":              {func(*hello) {}, codeWelcome},
	} {
		t.Run(name, func(t *testing.T) {
			says := good(laneBulk)
			x.change(&says)
			l, a := call(t, n, address, says)
			if a.Code != x.code || a.Code == codeRemoved && (a.Index != 7 || a.Term != 2) {
				t.Errorf("the answer is %+v", a)
			}
			if x.code != codeWelcome {
				awaitEnd(t, l)
			}
		})
	}
	if got := h.delivered(); len(got) > 0 {
		t.Errorf("%v were heard", got)
	}
}

// Bytes that are not those of the wire end the connection: nothing is delivered, and no memory
// is taken for what was only announced.
func TestMalformedFrames(t *testing.T) {
	n, address, h := member(t)
	message := func(m transport.Envelope) []byte {
		b, err := m.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return append(appendHead(nil, frameMessage, len(b)), b...)
	}
	fits := transport.Envelope{Group: 1, From: 2, To: 1, Payload: []byte("x")}
	with := func(change func(*transport.Envelope)) []byte {
		m := fits
		change(&m)
		return message(m)
	}
	for name, raw := range map[string][]byte{
		"an unknown kind":         appendHead(nil, '?', 0),
		"a chunk":                 appendHead(nil, frameChunk, 0),
		"a second hello":          appendHead(nil, frameHello, 0),
		"a large heartbeat":       appendHead(nil, frameHeartbeat, smallBytes+1),
		"a message of 4 GiB":      binary.BigEndian.AppendUint32([]byte{frameMessage}, 1<<32-1),
		"a message that is none":  append(appendHead(nil, frameMessage, 3), 0xff, 0xff, 0xff),
		"a greeting that is none": append(appendHead(nil, frameGreeting, 1), '{'),
		"of another":              with(func(m *transport.Envelope) { m.From = 3 }),
		"to another":              with(func(m *transport.Envelope) { m.To = 3 }),
		"of another group":        with(func(m *transport.Envelope) { m.Group = 2 }),
		"of an unknown class":     with(func(m *transport.Envelope) { m.Class = 99 }),
		"of a snapshot":           with(func(m *transport.Envelope) { m.Class = pluginv1.MessageClass_CLASS_SNAPSHOT }),
	} {
		t.Run(name, func(t *testing.T) {
			l, _ := call(t, n, address, good(laneBulk))
			if _, err := l.conn.Write(append(raw, message(fits)...)); err != nil {
				t.Fatal(err)
			}
			awaitEnd(t, l)
		})
	}
	if got := h.delivered(); len(got) > 0 {
		t.Errorf("%v were delivered", got)
	}
	l, _ := call(t, n, address, good(laneBulk))
	if _, err := l.conn.Write(append(message(fits), appendHead(nil, frameHeartbeat, 0)...)); err != nil {
		t.Fatal(err)
	}
	if kind, _, err := n.readFrame(l.r); err != nil || kind != frameHeartbeat || len(h.delivered()) != 1 {
		t.Errorf("after that: kind %q, %v, and %d messages", kind, err, len(h.delivered()))
	}
}

// A second connection of a peer for the same messages takes the place of the first one, so that
// no caller has many.
func TestASecondConnectionReplacesTheFirst(t *testing.T) {
	n, address, _ := member(t)
	first, _ := call(t, n, address, good(laneControl))
	other, _ := call(t, n, address, good(laneBulk))
	if _, a := call(t, n, address, good(laneControl)); a.Code != codeWelcome {
		t.Fatalf("the answer is %+v", a)
	}
	awaitEnd(t, first)
	if err := writeFrame(other.conn, frameHeartbeat, nil); err != nil {
		t.Fatal(err)
	}
	if kind, _, err := n.readFrame(other.r); err != nil || kind != frameHeartbeat {
		t.Errorf("the connection for other messages: kind %q, %v", kind, err)
	}
}

// However many connections of a peer come at the same time, one of them stands.
func TestOfManyConnectionsOneStands(t *testing.T) {
	n, address, _ := member(t)
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { conn.Close() })
			var a answer
			err = writeJSON(conn, frameHello, good(laneBulk))
			if err == nil {
				err = n.readJSON(conn, frameAnswer, &a)
			}
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.links) > 1 {
		t.Errorf("%d stand", len(n.links))
	}
}

// Callers that say nothing give way to those that come after them: a member is heard beside
// any number of them.
func TestSilentCallersLeaveRoom(t *testing.T) {
	n, address, _ := member(t)
	for range mostCallers + 100 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if _, a := call(t, n, address, good(laneControl)); a.Code != codeWelcome {
		t.Errorf("the answer is %+v", a)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.callers) > mostCallers {
		t.Errorf("%d callers have places", len(n.callers))
	}
}

// FuzzCaller: whatever comes after a hello, only messages of that peer to this node are
// delivered, and a snapshot ends well only with its checksum.
func FuzzCaller(f *testing.F) {
	m := transport.Envelope{Group: 1, From: 2, To: 1, Payload: []byte("x")}
	b, err := m.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(false, append(append(appendHead(nil, frameMessage, len(b)), b...), appendHead(nil, frameHeartbeat, 0)...))
	f.Add(false, append(appendHead(nil, frameGreeting, 11), `{"Store":1}`...))
	header := transport.SnapshotHeader{Group: 1, From: 2, To: 1, Bytes: 3}
	if b, err = header.Marshal(); err != nil {
		f.Fatal(err)
	}
	raw := append(appendHead(nil, frameHeader, len(b)), b...)
	f.Add(true, append(append(raw, appendHead(nil, frameChunk, 3)...), "abc"...))
	n, _, h := member(f)
	f.Fuzz(func(t *testing.T, snapshot bool, raw []byte) {
		h.mu.Lock()
		h.messages, h.content = nil, nil
		h.mu.Unlock()
		pipe, _ := net.Pipe()
		l := newLink(pipe)
		if l.peer, l.r = 2, newBuffered(raw); snapshot {
			v := n.offer(l)
			if v.Accepted && !seals(h.content, raw) {
				t.Errorf("%q was accepted", h.content)
			}
			return
		}
		_ = l.conn.Close() // a heartbeat that is to be sent back ends it
		for n.next(l) == nil {
		}
		for _, m := range h.delivered() {
			if m.From != 2 || m.To != 1 || m.Group != 1 {
				t.Errorf("%v was delivered", &m)
			}
		}
	})
}

func newBuffered(raw []byte) *bufio.Reader { return bufio.NewReader(bytes.NewReader(raw)) }

// seals tells whether bytes end with the checksum of a content.
func seals(content, raw []byte) bool {
	sum := sha256.Sum256(content)
	return bytes.Contains(raw, []byte(hex.EncodeToString(sum[:])))
}
