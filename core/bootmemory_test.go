package core_test

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// copied is a storage whose entries take memory of their own for each reader, as
// those of a plugin in another process do.
type copied struct{ storage.Storage }

func (c copied) Read(ctx context.Context, lo, hi, most uint64) ([]storage.Entry, error) {
	entries, err := c.Storage.Read(ctx, lo, hi, most)
	for i := range entries {
		entries[i].Data = bytes.Clone(entries[i].Data)
	}
	return entries, err
}

// A member that starts with a long log after its newest snapshot, as after an end
// for lack of memory, does not load it: committed entries pass through, also when
// the state machine does not take it.
func TestABootTakesNoMemoryForTheLog(t *testing.T) {
	c := newCluster(t, 0, nil)
	c.members = append(c.members, c.member(1))
	var hangs atomic.Bool
	c.tune = func(cfg *core.Config) {
		n := c.nodes[1]
		cfg.SnapshotEntries, cfg.SnapshotBytes = 1<<40, 1<<40
		cfg.Backends[0] = backend.Storage("memory", func(e backend.Env) storage.Storage { return copied{n.newStore(e)} })
		cfg.Backends[1] = backend.StateMachine("register", func(e backend.Env) statemachine.StateMachine {
			m := n.newMachine(e)
			if hangs.Load() {
				_, release := m.(picky).Hold()
				t.Cleanup(release)
			}
			return m
		})
	}
	c.start(1, true)
	c.leader()
	const size, count = 1 << 20, 96
	for range count {
		c.propose(1, string(make([]byte, size)))
	}
	last := c.service(1).Status().LastIndex
	c.stop(1)
	c.nodes[1].machines = nil
	hangs.Store(true)
	before := heap()
	c.start(1, false)
	c.eventually("it to lead and commit", func() bool { st := c.service(1).Status(); return st.Role == "leader" && st.Commit > last })
	if applied := c.service(1).Status().Applied; applied >= last {
		t.Fatal("everything is applied: this shows nothing")
	}
	if grown, most := heap()-before, int64(24<<20); grown > most {
		t.Errorf("with a log of %d MiB the start takes %d MiB, want up to %d", size*count>>20, grown>>20, most>>20)
	}
}
