package transportrpc_test

import (
	"context"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// echo is a transport that sends what it gets to send back to its host at once.
type echo struct {
	doorway
	host transport.Handler
}

func (e *echo) Send(_ context.Context, envelopes []transport.Envelope) error {
	for i := range envelopes {
		envelopes[i].From, envelopes[i].To = envelopes[i].To, envelopes[i].From
	}
	e.host.Deliver(envelopes)
	return nil
}

// arrivals is a host that counts messages.
type arrivals struct {
	transport.Handler
	came chan int
}

func (a arrivals) Deliver(envelopes []transport.Envelope) { a.came <- len(envelopes) }

// B3: an append of one entry goes from the host to its plugin and back, with frames on a
// unix socket. That is both hops of a message between two hosts, and they allocate at most
// mostHopAllocations times in both processes together.
func TestB3TheHopAllocations(t *testing.T) {
	const mostHopAllocations = 6
	plugin := &echo{doorway: doorway{Transport: transporttest.NewNetwork().New(), handler: make(chan transport.Handler, 1)}}
	c := overCarrier(t, rpctest.Carriers()["frames"], plugin)
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	host := arrivals{Handler: newRecorder(), came: make(chan int, 1)}
	opts := options()
	if _, err := c.Open(t.Context(), opts, host); err != nil {
		t.Fatal(err)
	}
	plugin.host = <-plugin.handler
	m := pluginv1.Message{
		Type: 3, From: opts.NodeID, To: 2, Term: 1, LogTerm: 1, Index: 1, Entries: []pluginv1.Entry{{Term: 1, Index: 2, Data: make([]byte, 64)}},
	}
	payload, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	e := []transport.Envelope{{Group: opts.Group, From: opts.NodeID, To: 2, Class: pluginv1.MessageClass_CLASS_APPEND, Payload: payload}}
	got := testing.AllocsPerRun(2000, func() {
		if err := c.Send(context.Background(), e); err != nil {
			t.Fatal(err)
		}
		<-host.came
	})
	if got > mostHopAllocations {
		t.Errorf("%v allocations, want at most %d", got, mostHopAllocations)
	}
	t.Logf("%v allocations", got)
}
