package quictransport

import (
	"math"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// B3: one append of one entry of 64 bytes, over loopback UDP from Send to Deliver,
// allocates at most 9 times in both ends together.
func TestB3LoopbackAllocations(t *testing.T) {
	got := &counter{arrived: make(chan int, 1<<16)}
	sender, urlOne := openWith(t, newTiming, testOptions(1, ""), &events{})
	receiver, urlTwo := openWith(t, newTiming, testOptions(2, ""), got)
	connect(t, sender, 2, urlTwo)
	connect(t, receiver, 1, urlOne)
	m := pluginv1.Message{
		Type: 3, From: 1, To: 2, Term: 1, LogTerm: 1, Index: 1, Entries: []pluginv1.Entry{{Term: 1, Index: 2, Data: make([]byte, 64)}},
	}
	e := []transport.Envelope{{Group: 1, To: 2, From: 1, Class: pluginv1.MessageClass_CLASS_APPEND, Payload: encode(t, m)}}
	eventually(t, "a first message", func() bool { return len(got.arrived) > 0 }, func() { send(t, sender, e...) })
	for range 100 { // both ends have found out what the path carries
		send(t, sender, e...)
		<-got.arrived
	}
	timeout := time.After(patience)
	allocations := math.Inf(1)
	for range 5 { // on a busy machine QUIC acknowledges and repeats more: the least is what a message costs
		allocations = min(allocations, testing.AllocsPerRun(400, func() {
			send(t, sender, e...)
			select {
			case <-got.arrived:
			case <-timeout:
				t.Fatal("a message did not arrive")
			}
		}))
	}
	if allocations > 9 {
		t.Errorf("%v allocations, want at most 9", allocations)
	}
	t.Logf("%v allocations", allocations)
}
