//go:build linux

package e2e

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
)

// throughFollowers are so many clients of the members that do not lead at first.
const throughFollowers = 64

// The leader is killed, hands over, and is stopped in good order, while 64 clients
// write through the others. The log has what they were told: all that was
// acknowledged, nothing of what was not applied, and each write once.
func TestA1FailoverThroughFollowers(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	for _, x := range []struct {
		name string
		end  func(leader *node)
		// dies: the writes that the leader was about to answer may be unknown.
		dies bool
	}{
		{"handed over", func(leader *node) {
			if _, err := leader.dial().TransferLeader(context.Background(), ""); err != nil {
				t.Error(err)
			}
		}, false},
		{"stopped", (*node).stop, false},
		{"killed", (*node).kill, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			leader := c.leader()
			followers := c.others(leader)
			first := revisionOf(t, followers[0].dial())
			var acked, unknown atomic.Int64
			var stopped atomic.Bool
			var writers sync.WaitGroup
			for i := range throughFollowers {
				through := followers[i%len(followers)].dial()
				writers.Go(func() {
					for seq := 0; !stopped.Load(); seq++ {
						key := fmt.Sprintf("%s/%d/%d", x.name, i, seq)
						_, err := through.Propose(context.Background(), kv.EncodePut([]byte(key), []byte(key)))
						switch {
						case err == nil:
							acked.Add(1)
						case !client.IsNotApplied(err):
							unknown.Add(1)
						}
					}
				})
			}
			progress := func(n int64) {
				goal := acked.Load() + n
				eventually(t, fmt.Sprintf("%d more writes through followers", n), func() bool { return acked.Load() >= goal })
			}
			progress(1000)
			x.end(leader)
			progress(1000)
			stopped.Store(true)
			writers.Wait()
			written := revisionOf(t, followers[0].dial()) - first - 1 // the last one is this question's own
			if written < acked.Load() || written > acked.Load()+unknown.Load() {
				t.Errorf("%d writes were applied; %d were acknowledged, and %d are unknown", written, acked.Load(), unknown.Load())
			}
			if !x.dies && unknown.Load() > 0 {
				t.Errorf("%d of %d writes are unknown", unknown.Load(), acked.Load())
			}
			t.Logf("%d writes were acknowledged, %d are unknown, %d were applied", acked.Load(), unknown.Load(), written)
			if !leader.host.Running() {
				leader.startReady()
			}
			leader.awaitReady()
		})
	}
	c.stop()
}

// revisionOf writes once, and returns the number of writes that there were with it.
func revisionOf(t *testing.T, c *client.Client) int64 {
	t.Helper()
	result, err := c.Propose(context.Background(), kv.EncodePut([]byte("revision"), nil))
	if err != nil {
		t.Fatal(err)
	}
	r, err := kv.DecodeResult(result.Data)
	if err != nil {
		t.Fatal(err)
	}
	return int64(r.Revision)
}
