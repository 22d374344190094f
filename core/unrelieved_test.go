package core_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// unread is a log that is not read while on is set.
type unread struct{ on *atomic.Bool }

func (u unread) Dropped() uint64 { return 0 }

func (u unread) Stuck() time.Duration {
	if u.on.Load() {
		return time.Hour
	}
	return 0
}

const timeoutNow = 14 // raft's MsgTimeoutNow

// noHandOver is a transport on which the word to take over never arrives, as at
// a member that is in doubt whose store it has, or that cannot catch up.
type noHandOver struct{ transport.Transport }

func (n noHandOver) Send(ctx context.Context, envelopes []transport.Envelope) error {
	kept := envelopes[:0:0]
	for _, e := range envelopes {
		var m pluginv1.Message
		if err := m.Unmarshal(e.Payload); err != nil || m.Type != timeoutNow {
			kept = append(kept, e)
		}
	}
	return n.Transport.Send(ctx, kept)
}

// A leader that is unfit because of its log alone leads well enough. If no
// member takes over, it does not spend its time on asking: while it asks it
// takes no writes.
func TestUnfitLeaderThatNobodyRelievesTakesWrites(t *testing.T) {
	c := newCluster(t, 0, nil)
	stuck := map[member.ID]*atomic.Bool{}
	for id := range member.ID(3) {
		stuck[id+1] = &atomic.Bool{}
	}
	c.tune = func(cfg *core.Config) {
		cfg.Log = unread{stuck[member.ID(cfg.ID)]}
		cfg.Backends[2] = backend.Transport("network", func(backend.Env) transport.Transport { return noHandOver{c.network.New()} })
	}
	c.found(3)
	leader := c.leader()
	c.propose(leader, "before")
	stuck[leader].Store(true)
	c.eventually("the leader to be unfit", func() bool { return strings.Contains(c.warns(leader, server.WarnUnfit), "nobody has taken the log") })
	const writes = 300
	var taken, refused atomic.Int32
	done := make(chan struct{}, writes)
	ticker := time.NewTicker(10 * time.Millisecond) // 30 elections in all
	defer ticker.Stop()
	for range writes {
		<-ticker.C
		c.service(leader).ProposeAsync([]byte("x"), 0, func(_ server.Result, err error) {
			if err == nil {
				taken.Add(1)
			} else {
				refused.Add(1)
			}
			done <- struct{}{}
		})
	}
	for range writes {
		<-done
	}
	if l := c.service(leader).Status().Leader; l != leader {
		t.Fatalf("%s leads: the test shows nothing", l)
	}
	tries := 0
	for _, line := range c.nodes[leader].log.all() {
		if strings.Contains(line, "leadership could not be handed over") {
			tries++
		}
	}
	if taken.Load() < writes/2 {
		t.Errorf("%d writes were taken and %d refused, during %d attempts to hand over", taken.Load(), refused.Load(), tries)
	}
}
