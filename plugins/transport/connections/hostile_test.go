package connections

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// pipes is a network without a system, in which time is that of a test's bubble.
type pipes chan net.Conn

func (p pipes) Listen(context.Context, string) (net.Listener, error) {
	return &pipeListener{p, make(chan struct{})}, nil
}

func (p pipes) Dial(ctx context.Context, _ *url.URL) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type pipeListener struct {
	pipes
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.pipes:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error { close(l.closed); return nil }

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// A caller that stands still, or sends as slowly as it can, has its place for a bounded time,
// wherever it stands still.
func TestCallersThatStandStillGo(t *testing.T) {
	header, err := (&transport.SnapshotHeader{Group: 1, From: 2, To: 1, Bytes: 1 << 20}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	shown := append(appendHead(nil, frameHeader, len(header)), header...)
	large := func(kind byte) []byte { return appendHead(nil, kind, 4<<20) }
	for name, x := range map[string]struct {
		lane  string // none: it says no hello
		says  []byte
		drips bool // a byte a second after that
		most  time.Duration
	}{
		"no hello":                          {"", nil, false, silence},
		"a hello byte by byte":              {"", appendHead(nil, frameHello, smallBytes), true, silence},
		"no message":                        {laneBulk, nil, false, silence},
		"half a message":                    {laneBulk, appendHead(nil, frameMessage, 100), false, silence},
		"a large message byte by byte":      {laneBulk, large(frameMessage), true, silence},
		"no header of a snapshot":           {laneSnapshot, nil, false, 2 * silence},
		"a large header byte by byte":       {laneSnapshot, large(frameHeader), true, 2 * silence},
		"no chunk of a snapshot":            {laneSnapshot, shown, false, time.Minute},
		"half a chunk of a snapshot":        {laneSnapshot, append(shown[:len(shown):len(shown)], appendHead(nil, frameChunk, pieceBytes)...), false, time.Minute},
		"bytes without an end after a word": {laneSnapshot, appendHead(nil, '?', 0), true, 2 * silence},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := make(pipes)
				n, _, _ := memberOf(t, network)
				conn, err := network.Dial(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				l := newLink(conn)
				if x.lane != "" {
					greetAs(t, n, l, good(x.lane))
				}
				go io.Copy(io.Discard, conn)
				begun := time.Now()
				_, err = conn.Write(x.says)
				for x.drips && err == nil && time.Since(begun) < time.Hour {
					time.Sleep(time.Second)
					_, err = conn.Write([]byte("x"))
				}
				for left := -1; left != 0; time.Sleep(time.Second) {
					n.mu.Lock()
					left = len(n.callers)
					n.mu.Unlock()
					if took := time.Since(begun); took > x.most+2*time.Second {
						t.Fatalf("it has its place after %v", took)
					}
				}
			})
		})
	}
}

// Strangers, however many and whatever they say, leave a member its places.
func TestStrangersLeaveMembersTheirPlaces(t *testing.T) {
	n, address, _ := member(t)
	for i := range mostCallers + 100 {
		h := good(laneBulk)
		if h.From = uint64(100 + i); i%3 == 0 {
			h.Lane = laneSnapshot
		}
		if _, a := call(t, n, address, h); a.Code != codeWelcome {
			t.Fatalf("stranger %d got %+v", i, a)
		}
	}
	control, a := call(t, n, address, good(laneControl))
	bulk, b := call(t, n, address, good(laneBulk))
	if a.Code != codeWelcome || b.Code != codeWelcome {
		t.Fatalf("a member got %+v, %+v", a, b)
	}
	for i := range mostCallers + 100 {
		h := good(laneSnapshot) // under the member's name, too
		if i%2 == 0 {
			h = hello{Cluster: 9, From: uint64(1000 + i), To: 1, Lane: laneControl}
		}
		call(t, n, address, h)
	}
	for _, l := range []*link{control, bulk} {
		if err := writeFrame(l.conn, frameHeartbeat, nil); err != nil {
			t.Fatal(err)
		}
		if kind, _, err := n.readFrame(l.r); err != nil || kind != frameHeartbeat {
			t.Errorf("the member's connection for %s: %q, %v", l.lane, kind, err)
		}
	}
}

// Messages that do not come to their end take what two may take, of all strangers together,
// and nothing of a member's.
func TestUnfinishedMessagesAreBounded(t *testing.T) {
	n, address, h := member(t)
	largest := plugins.DefaultLimits().MaxMessageBytes()
	var all []*link
	for i := range 5 {
		x := good(laneBulk)
		x.From = uint64(100 + i)
		l, _ := call(t, n, address, x)
		if _, err := l.conn.Write(append(appendHead(nil, frameMessage, largest), "some of it"...)); err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	ended := make(chan struct{}, len(all))
	for _, l := range all {
		go func() { _, _ = io.Copy(io.Discard, l.r); ended <- struct{}{} }()
	}
	for range 3 {
		select {
		case <-ended:
		case <-time.After(silence / 2):
			t.Fatal("more than two stand")
		}
	}
	l, _ := call(t, n, address, good(laneBulk))
	m := transport.Envelope{Group: 1, From: 2, To: 1, Class: pluginv1.MessageClass_CLASS_APPEND, Payload: make([]byte, largest/2)}
	body, err := m.Marshal()
	if err == nil {
		err = writeFrame(l.conn, frameMessage, body)
	}
	if err == nil {
		err = writeFrame(l.conn, frameHeartbeat, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if kind, _, err := n.readFrame(l.r); err != nil || kind != frameHeartbeat || len(h.delivered()) != 1 {
		t.Errorf("a member's large message: %q, %v, %d delivered", kind, err, len(h.delivered()))
	}
}

// A caller that says something new of itself again and again is ended: its host would hear of
// nothing else.
func TestACallerSaysLittleOfItself(t *testing.T) {
	n, address, h := member(t)
	l, _ := call(t, n, address, good(laneControl))
	var err error
	for i := uint64(1); err == nil && i < 1e6; i++ {
		err = writeJSON(l.conn, frameGreeting, transport.Greeting{Number: i})
	}
	if err == nil {
		t.Fatal("it was heard a million times")
	}
	awaitEnd(t, l)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.events) > 10*mostGreetings {
		t.Errorf("the host heard of %d events", len(h.events))
	}
}

// greetAs says hello, and is welcome.
func greetAs(t testing.TB, n *node, l *link, h hello) {
	t.Helper()
	var a answer
	err := writeJSON(l.conn, frameHello, h)
	if err == nil {
		err = n.readJSON(l.r, frameAnswer, &a)
	}
	if err == nil && a.Code != codeWelcome {
		err = errors.New(a.Code)
	}
	if err != nil {
		t.Fatal(err)
	}
}
