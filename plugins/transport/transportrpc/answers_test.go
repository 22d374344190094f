package transportrpc_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/transportrpc"
)

// liar sends what a test tells it to, in place of a transport plugin.
type liar struct {
	pluginv1.UnimplementedTransportServer
	address string
	inbound []pluginv1.RaftInbound
	ends    bool                               // the Raft stream, after inbound
	offered []pluginv1.ReceiveSnapshotResponse // to the caller that takes up an offer
	verdict chan pluginv1.ReceiveSnapshotRequest
	early   bool // answers SendSnapshot before its end
}

func (l *liar) Open(context.Context, *pluginv1.TransportOpenRequest) (*pluginv1.TransportOpenResponse, error) {
	return &pluginv1.TransportOpenResponse{Address: l.address}, nil
}

func (l *liar) Raft(stream grpc.BidiStreamingServer[pluginv1.RaftOutbound, pluginv1.RaftInbound]) error {
	for i := range l.inbound {
		if err := stream.Send(&l.inbound[i]); err != nil {
			return err
		}
	}
	for !l.ends {
		if _, err := stream.Recv(); err != nil {
			return err
		}
	}
	return nil
}

func (l *liar) ReceiveSnapshot(stream grpc.BidiStreamingServer[pluginv1.ReceiveSnapshotRequest, pluginv1.ReceiveSnapshotResponse]) error {
	if _, err := stream.Recv(); err != nil {
		return err
	}
	for i := range l.offered {
		if err := stream.Send(&l.offered[i]); err != nil {
			return err
		}
	}
	if req, err := stream.Recv(); err == nil {
		l.verdict <- *req
	}
	return nil
}

func (l *liar) SendSnapshot(stream grpc.ClientStreamingServer[pluginv1.SendSnapshotRequest, pluginv1.SendSnapshotResponse]) error {
	read := uint64(0)
	for !l.early {
		req, err := stream.Recv()
		if err != nil {
			return err
		}
		read += uint64(len(req.Chunk))
		if req.End != nil {
			break
		}
	}
	return stream.SendAndClose(&pluginv1.SendSnapshotResponse{Length: read})
}

func (l *liar) Close(context.Context, *pluginv1.CloseRequest) (*pluginv1.CloseResponse, error) {
	return &pluginv1.CloseResponse{}, nil
}

func options() transport.Options {
	return transport.Options{Options: plugins.Options{ClusterID: 1, NodeID: 1, Group: 1, Incarnation: 1}}
}

// dial opens a connection to l.
func (l *liar) dial(t *testing.T, h transport.Handler) (*transportrpc.Client, error) {
	t.Helper()
	conn := rpctest.Dial(t, func(r grpc.ServiceRegistrar) { pluginv1.RegisterTransportServer(r, l) })
	c := transportrpc.NewClient(conn, plugins.Info{})
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	_, err := c.Open(t.Context(), options(), h)
	return c, err
}

// recorder keeps what a handler is told.
type recorder struct {
	mu        sync.Mutex
	envelopes []transport.Envelope
	events    []transport.Event
	told      chan struct{} // capacity 1
	receive   func(io.Reader) error
}

func newRecorder() *recorder { return &recorder{told: make(chan struct{}, 1)} }

func (r *recorder) Deliver(envelopes []transport.Envelope) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.envelopes = append(r.envelopes, envelopes...)
	r.tell()
}

func (r *recorder) Notify(events []transport.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, events...)
	r.tell()
}

func (r *recorder) tell() {
	select {
	case r.told <- struct{}{}:
	default:
	}
}

func (r *recorder) counts() (envelopes, events int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.envelopes), len(r.events)
}

func (r *recorder) ReceiveSnapshot(_ context.Context, _ transport.SnapshotHeader, rd io.Reader) error {
	if r.receive != nil {
		return r.receive(rd)
	}
	_, err := io.Copy(io.Discard, rd)
	return err
}

// Rule TR-1.
func TestWrongAddressesAreRefused(t *testing.T) {
	for _, address := range []string{"", "127.0.0.1:0", "127.0.0.1:http", "127.0.0.1:99999", "a\nb", strings.Repeat("a", 513)} {
		t.Run(fmt.Sprintf("%.20q", address), func(t *testing.T) {
			_, err := (&liar{address: address}).dial(t, newRecorder())
			rpctest.CheckBreach(t, err, "TR-1")
		})
	}
}

func envelope() transport.Envelope {
	return transport.Envelope{Group: 1, To: 1, From: 2, Payload: []byte("m")}
}

// Rules TR-23, TR-24, TR-32, TR-39 and P-40.
func TestWrongDeliveriesEndTheConnection(t *testing.T) {
	message := func(spoil func(*transport.Envelope)) pluginv1.RaftInbound {
		e := envelope()
		spoil(&e)
		return pluginv1.RaftInbound{Envelopes: []transport.Envelope{e}}
	}
	event := func(e transport.Event) pluginv1.RaftInbound {
		return pluginv1.RaftInbound{Events: []transport.Event{e}}
	}
	for name, in := range map[string]pluginv1.RaftInbound{
		"message of another group":    message(func(e *transport.Envelope) { e.Group = 2 }),
		"message to another node":     message(func(e *transport.Envelope) { e.To = 3 }),
		"message of no known class":   message(func(e *transport.Envelope) { e.Class = 9 }),
		"message of a negative class": message(func(e *transport.Envelope) { e.Class = -1 }),
		"payload over the limit": message(func(e *transport.Envelope) {
			e.Payload = make([]byte, plugins.DefaultLimits().MaxMessageBytes()-1<<10)
		}),
		"unreachable nobody":             event(transport.Event{Type: pluginv1.EventType_EVENT_UNREACHABLE}),
		"active nobody":                  event(transport.Event{Type: pluginv1.EventType_EVENT_ACTIVE}),
		"greeted by nobody":              event(transport.Event{Type: pluginv1.EventType_EVENT_GREETED}),
		"mismatch with nobody":           event((&transport.Mismatch{Reason: transport.MismatchNumber}).Event(0, transport.VerdictJudged)),
		"mismatch for no reason":         event((&transport.Mismatch{}).Event(2, transport.VerdictJudged)),
		"mismatch for an unknown reason": event((&transport.Mismatch{Reason: 4}).Event(2, transport.VerdictJudged)),
		"mismatch by nobody":             event((&transport.Mismatch{Reason: transport.MismatchNumber}).Event(2, 0)),
		"mismatch by an unknown side":    event((&transport.Mismatch{Reason: transport.MismatchNumber}).Event(2, 3)),
		"mismatch with no known store":   event((&transport.Mismatch{Reason: transport.MismatchStore}).Event(2, transport.VerdictJudged)),
		"offer without number":           event(transport.Event{Type: pluginv1.EventType_EVENT_SNAPSHOT_OFFERED, Peer: 2}),
		"endless detail":                 event(transport.Event{Type: pluginv1.EventType_EVENT_ACTIVE, Peer: 2, Detail: strings.Repeat("a", 5000)}),
		"countless events":               {Events: make([]transport.Event, 5000)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRecorder()
			c, err := (&liar{address: "a:1", inbound: []pluginv1.RaftInbound{in}}).dial(t, r)
			if err != nil {
				t.Fatal(err)
			}
			<-c.Done()
			rpctest.CheckBreach(t, c.Err(), "TR-23", "TR-24", "TR-32", "TR-39")
			if messages, events := r.counts(); messages+events > 0 {
				t.Errorf("the handler got %d messages, %d events", messages, events)
			}
			if err := c.Send(t.Context(), []transport.Envelope{envelope()}); !errors.Is(err, plugins.ErrBadAnswer) {
				t.Errorf("send after it: %v", err)
			}
		})
	}
}

func TestGoodDeliveriesReachTheHandlerAndUnknownEventsDoNot(t *testing.T) {
	r := newRecorder()
	_, err := (&liar{address: "a:1", inbound: []pluginv1.RaftInbound{{
		Envelopes: []transport.Envelope{envelope(), envelope()},
		Events:    []transport.Event{{Type: 77}, {Type: pluginv1.EventType_EVENT_ACTIVE, Peer: 2}},
	}}}).dial(t, r)
	if err != nil {
		t.Fatal(err)
	}
	for messages, events := r.counts(); messages < 2 || events < 1; messages, events = r.counts() {
		<-r.told
	}
	if _, events := r.counts(); events != 1 {
		t.Errorf("%d events", events)
	}
}

func TestARaftStreamThatEndsIsNoticed(t *testing.T) {
	c, err := (&liar{address: "a:1", ends: true}).dial(t, newRecorder())
	if err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	if !errors.Is(c.Err(), plugins.ErrGone) {
		t.Errorf("ended with %v", c.Err())
	}
}

func TestCloseEndsWithoutAnError(t *testing.T) {
	c, err := (&liar{address: "a:1"}).dial(t, newRecorder())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	if c.Err() != nil {
		t.Errorf("ended with %v", c.Err())
	}
}

func offer() []pluginv1.RaftInbound {
	return []pluginv1.RaftInbound{{Events: []transport.Event{{
		Type: pluginv1.EventType_EVENT_SNAPSHOT_OFFERED, Peer: 2, Offer: 1,
	}}}}
}

func header() transport.SnapshotHeader {
	return transport.SnapshotHeader{Group: 1, To: 1, From: 2, Message: []byte("m"), Bytes: 5}
}

// end is the end mark of a snapshot.
func end(text string) pluginv1.ReceiveSnapshotResponse {
	return pluginv1.ReceiveSnapshotResponse{End: &pluginv1.StreamEnd{Length: uint64(len(text)), Crc32: crc32.ChecksumIEEE([]byte(text))}}
}

// Rules TR-40, P-32, P-41 and P-45.
func TestWrongSnapshotsEndTheConnection(t *testing.T) {
	head := func(spoil func(*transport.SnapshotHeader)) pluginv1.ReceiveSnapshotResponse {
		h := header()
		spoil(&h)
		return pluginv1.ReceiveSnapshotResponse{Header: &h}
	}
	good := head(func(*transport.SnapshotHeader) {})
	for name, offered := range map[string][]pluginv1.ReceiveSnapshotResponse{
		"no header":              {{Chunk: []byte("12345")}, end("12345")},
		"of another group":       {head(func(h *transport.SnapshotHeader) { h.Group = 7 })},
		"to another node":        {head(func(h *transport.SnapshotHeader) { h.To = 7 })},
		"from another peer":      {head(func(h *transport.SnapshotHeader) { h.From = 7 })},
		"without a message":      {head(func(h *transport.SnapshotHeader) { h.Message = nil })},
		"longer than announced":  {good, {Chunk: []byte("123456")}},
		"shorter than announced": {good, {Chunk: []byte("1234")}, end("1234")},
		"shorter than the most":  {head(func(h *transport.SnapshotHeader) { h.Bytes = math.MaxUint64 }), {Chunk: []byte("1234")}, end("1234")},
		"without an end mark":    {good, {Chunk: []byte("12345")}, good},
		"of another end mark":    {head(func(h *transport.SnapshotHeader) { h.Bytes = 0 }), {Chunk: []byte("1234")}, end("12345")},
		"chunk over the limit":   {head(func(h *transport.SnapshotHeader) { h.Bytes = 1 << 30 }), {Chunk: make([]byte, 257<<10)}},
	} {
		t.Run(name, func(t *testing.T) {
			l := &liar{address: "a:1", inbound: offer(), offered: offered, verdict: make(chan pluginv1.ReceiveSnapshotRequest, 1)}
			c, err := l.dial(t, newRecorder())
			if err != nil {
				t.Fatal(err)
			}
			<-c.Done()
			rpctest.CheckBreach(t, c.Err(), "TR-40", "P-32", "P-41", "P-45")
		})
	}
}

// Rule TR-41.
func TestVerdicts(t *testing.T) {
	first := header()
	whole := []pluginv1.ReceiveSnapshotResponse{{Header: &first}, {Chunk: []byte("12345")}, end("12345")}
	for name, x := range map[string]struct {
		receive func(io.Reader) error
		refusal string
	}{
		"accepted":              {nil, ""},
		"refused":               {func(io.Reader) error { return errors.New("no room") }, "no room"},
		"accepted but not read": {func(io.Reader) error { return nil }, "not read to its end"},
		"refused without words": {func(io.Reader) error { return errors.New("") }, "refused"},
	} {
		l := &liar{address: "a:1", inbound: offer(), offered: whole, verdict: make(chan pluginv1.ReceiveSnapshotRequest, 1)}
		r := newRecorder()
		r.receive = x.receive
		if _, err := l.dial(t, r); err != nil {
			t.Fatal(err)
		}
		v := <-l.verdict
		if !v.Verdict || (x.refusal == "") != (v.Error == "") || !strings.Contains(v.Error, x.refusal) {
			t.Errorf("%s: verdict %+v", name, v)
		}
	}
}

// Rules TR-41 and P-46.
func TestASnapshotThatIsAcceptedBeforeItsEnd(t *testing.T) {
	c, err := (&liar{address: "a:1", early: true}).dial(t, newRecorder())
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range []io.Reader{endless{}, strings.NewReader("12345")} {
		rpctest.CheckBreach(t, c.SendSnapshot(t.Context(), header(), content), "P-46")
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
