package httptransport

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

// B6: the longest time between two heartbeats at the receiver, which are sent
// every tick of 100 ms while a snapshot travels at 50 MB/s. It is logged; with
// PONTOON_LARGE_SNAPSHOT=1073741824 the snapshot is a gibibyte, and more than
// two ticks are a failure.
func TestB6HeartbeatGap(t *testing.T) {
	const tick = 100 * time.Millisecond
	size, large := 16<<20, os.Getenv("PONTOON_LARGE_SNAPSHOT")
	if large != "" {
		var err error
		if size, err = strconv.Atoi(large); err != nil {
			t.Fatal(err)
		}
	}
	receiver := newEvents()
	two, urlTwo := openNode(t, 2, "", receiver, newTiming)
	one, urlOne := openNode(t, 1, "snapshot_rate: 50000000", newEvents(), newTiming)
	connect(t, one, 2, urlTwo)
	connect(t, two, 1, urlOne)
	waitWriter(t, one, 2, messageStream)
	ended := make(chan error, 1)
	go func() {
		ended <- one.SendSnapshot(context.Background(), snapshotTo(t, 2, uint64(size)), randomBytes(int64(size)))
	}()
	payload := encode(t, pluginv1.Message{Type: raftmsg.TypeHeartbeat, From: 1, To: 2, Term: 1})
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var longest time.Duration
	for last, arrived := time.Now(), 0; ; {
		select {
		case <-ticker.C:
			if err := one.Send(context.Background(), []transport.Envelope{{Group: 1, To: 2, From: 1, Payload: payload}}); err != nil {
				t.Fatal(err)
			}
		case n := <-receiver.arrived:
			if arrived > 0 { // the first comes whenever the snapshot began
				longest = max(longest, time.Since(last))
			}
			last = time.Now()
			arrived += n
		case err := <-ended:
			if err != nil || arrived == 0 {
				t.Fatalf("%d heartbeats came, the snapshot ended with %v", arrived, err)
			}
			t.Logf("%d heartbeats, at most %v apart, during %d MiB", arrived, longest.Round(time.Millisecond), size>>20)
			if large != "" && longest > 2*tick {
				t.Errorf("%v without a heartbeat", longest)
			}
			return
		}
	}
}
