package transporttest_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// A backend's own test is one call of the kit. Here the backend is the reference; a real
// one listens on "127.0.0.1:0", and TCP says that its links can be led through a Relay.
func ExampleRun() {
	testConformance := func(t *testing.T) { // func TestConformance(t *testing.T)
		networks := map[string]*transporttest.Network{}
		transporttest.Run(t, transporttest.Harness{
			New: func(t *testing.T) transport.Transport {
				if networks[t.Name()] == nil {
					networks[t.Name()] = transporttest.NewNetwork()
				}
				return networks[t.Name()].New()
			},
			URL: transporttest.URL,
		})
	}
	_ = testConformance
}

// A change that a test makes to a Network takes effect at once, and messages lost by
// it are reported to their sender, as the contract wants it.
func ExampleNetwork() {
	network := transporttest.NewNetwork()
	one, two := newEnd(network, 1), newEnd(network, 2)
	defer one.Close()
	defer two.Close()
	one.meet(two)
	two.meet(one)

	one.send("hello", 2)
	fmt.Println("two got", <-two.messages)

	network.Cut(1, 2)
	one.send("are you there?", 2)
	fmt.Println("one lost what it sent to", <-one.lost)

	network.Heal(1, 2)
	gate := network.Hold(1, 2)
	one.send("later", 2)
	fmt.Println(gate.Len(), "waits")
	gate.Open()
	fmt.Println("two got", <-two.messages)
	// Output:
	// two got hello
	// one lost what it sent to 2
	// 1 waits
	// two got later
}

// An end is one node's transport and its Handler.
type end struct {
	transport.Transport
	id       uint64
	url      string
	messages chan string
	lost     chan uint64
}

func newEnd(n *transporttest.Network, id uint64) *end {
	e := &end{Transport: n.New(), id: id, messages: make(chan string, 8), lost: make(chan uint64, 8)}
	o := transport.Options{Options: plugins.Options{ClusterID: 1, NodeID: id, Group: 1, Limits: plugins.DefaultLimits()}}
	address, err := e.Open(context.Background(), o, e)
	if err != nil {
		log.Fatal(err)
	}
	e.url = transporttest.URL(address)
	return e
}

func (e *end) Close() { _ = e.Transport.Close(context.Background()) }

func (e *end) meet(other *end) {
	set := transport.PeerSet{Peers: []transport.Peer{{Id: other.id, Urls: []string{other.url}}}}
	if err := e.SetPeers(context.Background(), set); err != nil {
		log.Fatal(err)
	}
}

func (e *end) send(text string, to uint64) {
	m := transport.Envelope{Group: 1, From: e.id, To: to, Payload: []byte(text)}
	if err := e.Send(context.Background(), []transport.Envelope{m}); err != nil {
		log.Fatal(err)
	}
}

// Deliver implements transport.Handler.
func (e *end) Deliver(envelopes []transport.Envelope) {
	for _, m := range envelopes {
		e.messages <- string(m.Payload)
	}
}

// Notify implements transport.Handler.
func (e *end) Notify(events []transport.Event) {
	for _, v := range events {
		if v.Type == pluginv1.EventType_EVENT_UNREACHABLE {
			e.lost <- v.Peer
		}
	}
}

// ReceiveSnapshot implements transport.Handler.
func (e *end) ReceiveSnapshot(context.Context, transport.SnapshotHeader, io.Reader) error { return nil }
