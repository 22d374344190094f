package httptransport

import (
	"context"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// B3: one append of one entry of 64 bytes, over loopback TCP from Send to
// Deliver, allocates at most 9 times in both ends together.
func TestB3LoopbackAllocations(t *testing.T) {
	sender, receiver := openPair(t)
	e := transport.Envelope{
		Group: 1, To: 2, From: 1, Class: pluginv1.MessageClass_CLASS_APPEND, Payload: appEntry(t, 64, false),
	}
	batch := []transport.Envelope{e}
	timeout := time.After(60 * time.Second)
	got := testing.AllocsPerRun(2000, func() {
		if err := sender.Send(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
		select {
		case <-receiver.arrived:
		case <-timeout:
			t.Fatal("a message did not arrive")
		}
	})
	if got > 9 {
		t.Errorf("%v allocations, want at most 9", got)
	}
	t.Logf("%v allocations", got)
}
