//go:build linux

package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// joinsWithin is how long it takes, by promise, until a member that was added in
// the place of one that was removed takes writes.
const joinsWithin = 7 * time.Second

// B2: a member is removed, another one is added and started, and the new one
// takes a write, all within seven seconds.
func TestB2AReplacedMemberServesSoon(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	victim := c.follower()
	n4 := c.fourth()
	began := time.Now()
	c.removes(victim)
	if code := victim.host.ExitsWithin(t, patience); code != exitNotMember {
		t.Errorf("the removed host ended with exit code %d", code)
	}
	c.add("--id", "4", "--name", "n4", "--peer-url", "http://"+n4.peer, "--client-address", n4.client)
	n4.start()
	client := n4.dial()
	n4.await("to take a write", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), joinsWithin)
		defer cancel()
		_, err := client.Propose(ctx, kv.EncodePut([]byte("joined"), []byte("4")))
		return err == nil
	})
	if took := time.Since(began); took > joinsWithin && !live.RaceDetector {
		t.Errorf("the new member took a write after %v, at most %v are allowed\n%s", took, joinsWithin, n4.host.LastLines(20))
	}
	c.nodes = append(c.nodes, n4)
	c.stop()
}
