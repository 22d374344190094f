package etcd36

import (
	"bytes"
	"context"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	httptransport "github.com/pontoon-raft/pontoon/plugins/transport/http"
)

// ourEnd is a node that runs the http transport.
type ourEnd struct {
	*seen
	id        uint64
	transport transport.Transport
	address   string
	events    chan pluginv1.Event
	deliver   atomic.Pointer[func(raftpb.Message)] // nil: record it
	receive   func(r io.Reader) error              // nil: read all and accept
}

// startOurs starts a node that knows no peer. advertise is the URL that it
// tells others; if empty, none.
func startOurs(t testing.TB, id uint64, config, listen string, advertise ...string) *ourEnd {
	t.Helper()
	n := &ourEnd{seen: newSeen(), id: id, transport: httptransport.New(backend.Env{}), events: make(chan pluginv1.Event, 1<<14)}
	var err error
	n.address, err = n.transport.Open(t.Context(), transport.Options{
		Options: plugins.Options{
			ClusterID: cluster, NodeID: id, Group: 1, Config: []byte(config), Limits: plugins.DefaultLimits(),
			Tick: 100 * time.Millisecond, Election: time.Second,
		},
		Listen: listen, Advertise: advertise,
	}, n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.transport.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return n
}

// peers makes set all that the node knows of others.
func (n *ourEnd) peers(t testing.TB, set transport.PeerSet) {
	t.Helper()
	if err := n.transport.SetPeers(context.Background(), set); err != nil {
		t.Fatal(err)
	}
}

func (n *ourEnd) peer(t testing.TB, id uint64, address string) {
	t.Helper()
	n.peers(t, transport.PeerSet{Peers: []transport.Peer{{Id: id, Urls: []string{"http://" + address}}}})
}

func (n *ourEnd) send(messages ...raftpb.Message) {
	envelopes := make([]transport.Envelope, len(messages))
	for i := range messages {
		envelopes[i] = envelope(messages[i])
	}
	if err := n.transport.Send(context.Background(), envelopes); err != nil {
		panic(err) // it was closed before its test ended
	}
}

func envelope(m raftpb.Message) transport.Envelope {
	return transport.Envelope{Group: 1, To: m.To, From: m.From, Class: class(m.Type), Payload: encode(m)}
}

func class(kind raftpb.MessageType) pluginv1.MessageClass {
	switch kind {
	case raftpb.MsgApp:
		return pluginv1.MessageClass_CLASS_APPEND
	case raftpb.MsgProp, raftpb.MsgReadIndex:
		return pluginv1.MessageClass_CLASS_PROPOSAL
	default:
		return pluginv1.MessageClass_CLASS_CONTROL
	}
}

func encode(m raftpb.Message) []byte {
	b, err := m.Marshal()
	if err != nil {
		panic(err) // nothing in a message can make it fail
	}
	return b
}

// delivers makes f take the messages that arrive.
func (n *ourEnd) delivers(f func(raftpb.Message)) { n.deliver.Store(&f) }

// Deliver implements transport.Handler.
func (n *ourEnd) Deliver(envelopes []transport.Envelope) {
	for i := range envelopes {
		var m raftpb.Message
		if err := m.Unmarshal(envelopes[i].Payload); err != nil {
			n.received(raftpb.Message{Type: -1})
			continue
		}
		if deliver := n.deliver.Load(); deliver != nil {
			(*deliver)(m)
			continue
		}
		n.received(m)
	}
}

// Notify implements transport.Handler.
func (n *ourEnd) Notify(events []transport.Event) {
	for _, e := range events {
		if e.Type == pluginv1.EventType_EVENT_UNREACHABLE {
			n.lost(e.Peer)
		}
		select {
		case n.events <- e:
		default: // more than any test reads
		}
	}
}

// ReceiveSnapshot implements transport.Handler.
func (n *ourEnd) ReceiveSnapshot(_ context.Context, header transport.SnapshotHeader, r io.Reader) error {
	if n.receive != nil {
		return n.receive(r)
	}
	var m raftpb.Message
	if err := m.Unmarshal(header.Message); err != nil {
		return err
	}
	var body bytes.Buffer
	if _, err := io.Copy(&body, r); err != nil {
		return err
	}
	n.received(m)
	return nil
}
