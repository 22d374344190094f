package core_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// remoteCounter is a transport that keeps how many remotes it was told of, each time.
type remoteCounter struct {
	transport.Transport
	mu      sync.Mutex
	remotes []int
}

func (r *remoteCounter) SetPeers(ctx context.Context, set transport.PeerSet) error {
	n := 0
	for _, p := range set.Peers {
		if p.Remote {
			n++
		}
	}
	r.mu.Lock()
	r.remotes = append(r.remotes, n)
	r.mu.Unlock()
	return r.Transport.SetPeers(ctx, set)
}

func (r *remoteCounter) counts() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.remotes)
}

// B2: a member joins in the place of one that was removed. It knows the others of its
// configuration as remotes at first, and has no remote when it has caught up.
func TestB2AJoinerThatHasCaughtUpHasNoRemotes(t *testing.T) {
	var joiner remoteCounter
	c := newCluster(t, 3, nil)
	leader := c.leader()
	c.tune = func(cfg *core.Config) {
		if cfg.ID == 4 {
			cfg.Backends[2] = backend.Transport("network", func(backend.Env) transport.Transport {
				joiner.Transport = c.network.New()
				return &joiner
			})
		}
	}
	ctx := c.patience()
	if _, err := c.service(leader).RemoveMember(ctx, c.other(leader), server.ChangeOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.service(leader).AddMember(ctx, c.member(4), server.ChangeOptions{}); err != nil {
		t.Fatal(err)
	}
	c.members = append(c.members, c.member(4))
	c.start(4, false)
	c.eventually("the joiner to catch up", func() bool { return c.service(4).Ready() == nil })
	c.propose(4, "joined")
	c.eventually("the joiner to have no remote", func() bool {
		counts := joiner.counts()
		return counts[len(counts)-1] == 0
	})
	if slices.Max(joiner.counts()) == 0 {
		t.Errorf("it never had a remote: the test shows nothing")
	}
}
