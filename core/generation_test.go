package core_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// unreadable is a storage that can be opened and, while fails is set, not read.
type unreadable struct {
	storage.Storage
	fails *atomic.Bool
}

func (u unreadable) Read(ctx context.Context, lo, hi, most uint64) ([]storage.Entry, error) {
	if u.fails.Load() {
		return nil, errDisk
	}
	return u.Storage.Read(ctx, lo, hi, most)
}

// A storage that can be opened, and whose log cannot be read, has failed: it is
// started again after the backoff, each time counts for the crash-loop limit,
// and its status says why. When it can be read the member serves.
func TestStorageThatCannotBeReadIsStartedWithBackoff(t *testing.T) {
	c := newCluster(t, 0, nil)
	var fails atomic.Bool
	c.members = append(c.members, c.member(1))
	c.tune = func(cfg *core.Config) {
		n := c.nodes[member.ID(cfg.ID)]
		cfg.Backends[0] = backend.Storage("memory", func(e backend.Env) storage.Storage { return unreadable{n.newStore(e), &fails} })
	}
	c.start(1, true)
	c.leader()
	c.propose(1, "before")
	fails.Store(true)
	c.nodes[1].disk.OnAppend(func([]storage.Batch) error { return errDisk })
	c.service(1).ProposeAsync([]byte("breaks it"), 0, func(server.Result, error) {})
	c.eventually("the third failure in a row, and a pause", func() bool {
		st := c.service(1).Status().Plugins[0]
		return st.State == "backoff" && strings.Contains(st.LastError, "more times, last") && strings.Contains(st.LastError, "read entries")
	})
	c.nodes[1].disk.OnAppend(nil)
	fails.Store(false)
	c.propose(1, "after")
}
