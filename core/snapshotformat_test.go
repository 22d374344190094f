package core_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// formatted is a state machine that announces formats of snapshots.
type formatted struct {
	picky
	formats plugins.SnapshotFormats
}

func (f formatted) Describe() plugins.Info {
	info := f.picky.Describe()
	info.SnapshotFormats = f.formats
	return info
}

// A member whose state machine does not read the leader's snapshots does not take one: it
// would lose its log for it. The leader says which member, and both formats. With a state
// machine that reads them the member catches up.
func TestAMemberTakesNoSnapshotThatItsStateMachineDoesNotRead(t *testing.T) {
	var newer atomic.Bool
	c := newCluster(t, 3, func(cfg *core.Config) {
		cfg.SnapshotEntries, cfg.CatchUpEntries = 20, 1
		old, inner := cfg.ID == 3 && !newer.Load(), cfg.Backends[1].NewStateMachine
		cfg.Backends[1] = backend.StateMachine("register", func(e backend.Env) statemachine.StateMachine {
			formats := plugins.SnapshotFormats{Written: 2, Readable: []uint32{1}}
			if old {
				formats = plugins.SnapshotFormats{Written: 1}
			}
			return formatted{inner(e).(picky), formats}
		})
	})
	c.leader()
	c.atLevel(member.Level)
	c.propose(3, "before")
	c.converged()
	c.network.Isolate(3)
	leader := c.leader(1, 2)
	last := c.service(3).Status().LastIndex
	for c.service(leader).Status().FirstIndex <= last+1 {
		c.propose(leader, "x")
	}
	c.network.HealAll()
	const says = `a snapshot did not reach it: `
	const both = `it is of format 2, and register of version "1.0.0" reads 1: start this member with a plugin that reads it`
	c.eventually("the leader to say why", func() bool {
		for _, p := range c.service(c.leader()).Status().Progress {
			if p.ID == 3 && strings.Contains(p.Why, says) && strings.Contains(p.Why, both) {
				return true
			}
		}
		return false
	})
	if got := c.service(3).Status(); got.LastIndex > last+1 || got.SnapshotIndex > last {
		t.Errorf("member 3 has the log up to %d and snapshot %d, and had the log up to %d", got.LastIndex, got.SnapshotIndex, last)
	}
	newer.Store(true)
	c.stop(3)
	c.start(3, true)
	c.propose(c.leader(), "end")
	c.converged()
}
