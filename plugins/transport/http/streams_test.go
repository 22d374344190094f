package httptransport

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

// events is a handler that passes events on.
type events struct {
	sink
	notified chan transport.Event
}

func newEvents() *events {
	return &events{sink: sink{arrived: make(chan int, 1000)}, notified: make(chan transport.Event, 1000)}
}

func (e *events) Notify(list []transport.Event) {
	for _, event := range list {
		select {
		case e.notified <- event:
		default: // a test that needs more than are kept reads them
		}
	}
}

// wait skips to the next event of a kind.
func (e *events) wait(t *testing.T, kind pluginv1.EventType) transport.Event {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case event := <-e.notified:
			if event.Type == kind {
				return event
			}
		case <-timeout:
			t.Fatalf("no event %v", kind)
		}
	}
}

// idleRounds is how often a machine that is busy with other tests may be late with the
// heartbeats of a link.
const idleRounds = 3

// Idle streams live on link heartbeats: none is redialled while many read
// timeouts pass.
func TestB5IdleStreamsStay(t *testing.T) {
	first, second := newEvents(), newEvents()
	one, urlOne := openNode(t, 1, "", first)
	two, urlTwo := openNode(t, 2, "", second)
	connect(t, one, 2, urlTwo)
	connect(t, two, 1, urlOne)
	first.wait(t, pluginv1.EventType_EVENT_ACTIVE)
	second.wait(t, pluginv1.EventType_EVENT_ACTIVE)
	for round := 1; ; round++ {
		writer := waitWriter(t, one, 2, messageStream)
		<-time.After(5 * quick(0).Link)
		if now := endpointOf(one).Roster.Named()[2].writers[messageStream].Load(); now == writer {
			return
		}
		if round == idleRounds {
			t.Fatalf("an idle stream was replaced, in round %d too", round)
		}
	}
}

func connect(t *testing.T, tr *opened, id uint64, url string) {
	t.Helper()
	if err := tr.SetPeers(context.Background(), transport.PeerSet{Peers: []transport.Peer{{Id: id, Urls: []string{url}}}}); err != nil {
		t.Fatal(err)
	}
}

func waitWriter(t *testing.T, tr *opened, id uint64, kind streamKind) *streamWriter {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if w := endpointOf(tr).Roster.Named()[id].writers[kind].Load(); w != nil {
			return w
		}
		<-time.After(time.Millisecond)
	}
	t.Fatal("no stream")
	return nil
}

// next takes what must come soon. Nothing in these tests waits without it: a
// message that is lost fails its test, with a name, and not the whole run.
func next[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	timeout := time.NewTimer(20 * time.Second)
	defer timeout.Stop()
	select {
	case v := <-from:
		return v
	case <-timeout.C:
		t.Fatalf("waited 20s for %s", what)
		panic("not reached")
	}
}

// A peer that accepts and then says nothing is given up. It accepts each of
// the two streams once: if it did so again, one could be back before the other
// is given up, and the peer would never be without.
func TestSilentPeerIsDropped(t *testing.T) {
	asked := make(chan string, 1000)
	var accepted sync.Map
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	peer := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, pathStream) {
			http.NotFound(w, r)
			return
		}
		asked <- r.URL.Path
		w.Header().Set(headerVersion, protocolVersion)
		if _, again := accepted.LoadOrStore(r.URL.Path, true); again {
			http.Error(w, "once is enough", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})}
	served := make(chan error, 1)
	go func() { served <- peer.Serve(listener) }()
	defer func() {
		_ = peer.Close()
		if err := next(t, "the peer to end", served); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	h := newEvents()
	tr, _ := openNode(t, 1, "", h)
	connect(t, tr, 2, "http://"+listener.Addr().String())
	h.wait(t, pluginv1.EventType_EVENT_ACTIVE)
	h.wait(t, pluginv1.EventType_EVENT_INACTIVE)
	for range 3 { // two streams, and one of them again
		next(t, "a stream to be dialled", asked)
	}
	connect(t, tr, 2, "http://127.0.0.1:1")
}

// A peer that never reads costs one queue, and a report.
func TestPeerThatNeverReads(t *testing.T) {
	h := newEvents()
	tr, url := openNode(t, 1, "queue_bytes: 1048576", h)
	connect(t, tr, 2, "http://127.0.0.1:1")
	conn, err := net.Dial("tcp", url[len("http://"):])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request, err := http.NewRequest(http.MethodGet, url+"/raft/stream/msgapp/2", nil)
	if err != nil {
		t.Fatal(err)
	}
	identity{node: 2, cluster: testCluster}.mark(request.Header, 1)
	if err := request.Write(conn); err != nil {
		t.Fatal(err)
	}
	writer := waitWriter(t, tr, 2, appendStream)
	payload := encode(t, pluginv1.Message{
		Type: raftmsg.TypeApp, From: 1, To: 2, Entries: []pluginv1.Entry{{Data: make([]byte, 1<<20)}},
	})
	m := transport.Envelope{Group: 1, To: 2, From: 1, Class: pluginv1.MessageClass_CLASS_APPEND, Payload: payload}
	for end := time.Now().Add(20 * time.Second); ; {
		if time.Now().After(end) {
			t.Fatal("a peer that never reads is still there")
		}
		if err := tr.Send(context.Background(), []transport.Envelope{m}); err != nil {
			t.Fatal(err)
		}
		if endpointOf(tr).Roster.Named()[2].writers[appendStream].Load() != writer {
			break // given up after its write timeout
		}
		<-time.After(time.Millisecond)
	}
	h.wait(t, pluginv1.EventType_EVENT_UNREACHABLE)
}
