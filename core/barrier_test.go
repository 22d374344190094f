package core_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/server"
)

// After a barrier a stale query of the same member reflects every write that was
// acknowledged before it, on each member.
func TestAStaleQueryAfterABarrierReflectsWhatWasAcknowledged(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	for i := 1; i <= 20; i++ {
		written := c.propose(leader, strconv.Itoa(i))
		for _, m := range c.members {
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			index, err := c.service(m.ID).ReadBarrier(ctx)
			if err != nil || index < written.Index {
				t.Fatalf("barrier on %s after a write at %d: %d, %v", m.ID, written.Index, index, err)
			}
			answer, err := c.service(m.ID).Query(ctx, []byte("count"), server.Stale)
			if n, _ := strconv.Atoi(string(answer.Data)); err != nil || n < i || answer.Index < index {
				t.Errorf("stale query on %s after barrier %d: %q at %d, %v", m.ID, index, answer.Data, answer.Index, err)
			}
			cancel()
		}
	}
}
