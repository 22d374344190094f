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

const (
	gapTick = 100 * time.Millisecond
	gapRate = 50_000_000 // bytes a second
	// gapBytes is two seconds of snapshot.
	gapBytes = 2 * gapRate
	// gapRounds is how often a machine that is busy with other tests may be late.
	gapRounds = 3
)

// B6: while a snapshot travels at 50 MB/s, heartbeats that are sent every tick
// of 100 ms come at most two ticks apart. Lateness of the sender itself does
// not count. With PONTOON_LARGE_SNAPSHOT=1073741824 the snapshot is a gibibyte.
func TestB6HeartbeatGap(t *testing.T) {
	size := gapBytes
	if large := os.Getenv("PONTOON_LARGE_SNAPSHOT"); large != "" {
		var err error
		if size, err = strconv.Atoi(large); err != nil {
			t.Fatal(err)
		}
	}
	receiver := newEvents()
	two, urlTwo := openNode(t, 2, "", receiver, newTiming)
	one, urlOne := openNode(t, 1, "snapshot_rate: "+strconv.Itoa(gapRate), newEvents(), newTiming)
	connect(t, one, 2, urlTwo)
	connect(t, two, 1, urlOne)
	waitWriter(t, one, 2, messageStream)
	for round := 1; ; round++ {
		beats, longest := beatDuringSnapshot(t, one, receiver, size)
		if least := size / gapRate * int(time.Second/gapTick) / 2; beats < least {
			t.Fatalf("%d heartbeats came during %d bytes, want at least %d", beats, size, least)
		}
		if longest <= 2*gapTick {
			return
		}
		if round == gapRounds {
			t.Fatalf("%v without a heartbeat, in round %d", longest, round)
		}
	}
}

// beatDuringSnapshot sends node 2 a snapshot and, every tick, a heartbeat. It
// returns how many of these came, and the longest time between two, less what
// the later one was sent too late.
func beatDuringSnapshot(t *testing.T, one *opened, receiver *events, size int) (beats int, longest time.Duration) {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		ended <- one.SendSnapshot(context.Background(), snapshotTo(t, 2, uint64(size)), randomBytes(int64(size)))
	}()
	payload := encode(t, pluginv1.Message{Type: raftmsg.TypeHeartbeat, From: 1, To: 2, Term: 1})
	ticker := time.NewTicker(gapTick)
	defer ticker.Stop()
	var late time.Duration
	for last, sent := time.Now(), time.Now(); ; {
		select {
		case <-ticker.C:
			late = max(0, time.Since(sent)-gapTick)
			sent = time.Now()
			if err := one.Send(context.Background(), []transport.Envelope{{Group: 1, To: 2, From: 1, Payload: payload}}); err != nil {
				t.Fatal(err)
			}
		case n := <-receiver.arrived:
			if beats > 0 { // the first comes whenever the snapshot began
				longest = max(longest, time.Since(last)-late)
			}
			last = time.Now()
			beats += n
		case err := <-ended:
			if err != nil {
				t.Fatalf("the snapshot ended with %v", err)
			}
			if beats > 0 {
				longest = max(longest, time.Since(last)-late)
			}
			return beats, longest
		}
	}
}
