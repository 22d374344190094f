package core_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// busyMachine is a Register that says what it is at.
type busyMachine struct {
	*statemachinetest.Register
	silent   bool // it does not announce that
	progress atomic.Uint64
}

func (m *busyMachine) Describe() plugins.Info {
	info := m.Register.Describe()
	if !m.silent {
		info.Capabilities = append(slices.Clone(info.Capabilities), plugins.CapabilityBusy)
	}
	return info
}

func (m *busyMachine) Busy() plugins.Busy {
	return plugins.Busy{What: "compacting", Progress: m.progress.Add(1)}
}

// A state machine that leaves an apply unanswered, and is busy, shows in status with what, and
// has a warning of its own; one that has not announced the capability has not. When it
// answers, the warning goes.
func TestABusyStateMachineShows(t *testing.T) {
	for _, silent := range []bool{false, true} {
		t.Run(fmt.Sprintf("silent %t", silent), func(t *testing.T) {
			m := &busyMachine{Register: statemachinetest.NewRegister(), silent: silent}
			c := newCluster(t, 1, func(cfg *core.Config) {
				cfg.Backends[1] = backend.StateMachine("register", func(backend.Env) statemachine.StateMachine { return m })
			})
			c.leader()
			waiting, release := m.Hold()
			defer release()
			ended := make(chan error, 1)
			go func() {
				_, err := c.service(1).Propose(context.Background(), []byte("a"))
				ended <- err
			}()
			<-waiting
			warned := func(reason string) string {
				for _, w := range c.service(1).Status().Warnings {
					if w.Reason == reason {
						return w.Text
					}
				}
				return ""
			}
			c.eventually("the warning that it is unfit", func() bool { return strings.Contains(warned(server.WarnUnfit), "has not answered an apply") })
			if text := warned(server.WarnBusy); strings.Contains(text, `"compacting"`) == silent {
				t.Errorf("the warning says %q", text)
			}
			work := c.service(1).Status().Plugins[1].Work
			if silent != (work == nil) || work != nil && (work.What != "compacting" || work.Progress == 0) {
				t.Errorf("status shows %+v", work)
			}
			release()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			c.eventually("no warning", func() bool { return warned(server.WarnBusy) == "" })
		})
	}
}
