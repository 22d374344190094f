package server

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/core/node"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// A raft goroutine that does not tick makes the member not live, not ready, and
// its status say so.
func TestNotReadyWithoutTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		if err := w.s.Ready(); !errors.Is(err, ErrNoLeader) {
			t.Fatalf("a young node is not ready because of %v, want %v", err, ErrNoLeader)
		}
		time.Sleep(election + 2*tick) // of the bubble
		err := w.s.Ready()
		if w.s.Live() == nil || err == nil || !strings.Contains(err.Error(), "the raft goroutine ticked 1.2s ago") {
			t.Errorf("live %v, ready %v, want the age of the last tick", w.s.Live(), err)
		}
		st := w.s.Status()
		if st.TickAge != election+2*tick || len(st.Warnings) != 1 || st.Warnings[0].Reason != WarnRaftStalled {
			t.Errorf("last tick %v ago, warnings %v", st.TickAge, st.Warnings)
		}
	})
}

// A leader's word on the age of its oldest uncommitted entry that is out of
// range hides nothing of what this member sees itself.
func TestAgeOutOfRangeHidesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		for _, says := range []uint64{0, 1 << 56, 1 << 60, 1 << 62, 1<<64 - 1} {
			if err := w.s.committing(node.State{UncommittedTicks: 1000, LeaderUncommittedTicks: says}); err == nil {
				t.Errorf("the leader says %d: an entry that is 100 s old counts as committed", says)
			}
		}
	})
}

// Whatever keeps a member from serving is a warning in its status too: that is
// what "status --check" looks at.
func TestStatusWarnsOfWhateverKeepsAMemberFromServing(t *testing.T) {
	for reason, happens := range map[string]func(*world){
		WarnStopping:  func(w *world) { w.s.Drain() },
		WarnConflict:  func(w *world) { w.s.SetConflict(errors.New("members 2, 3 belong to another cluster")) },
		WarnNoStorage: func(w *world) { w.s.Detach(ErrStorageRestart) },
		WarnLostData:  func(w *world) { w.loseData() },
		WarnNoLeader:  func(*world) { <-time.After(StallAfter(election)) },
		WarnPluginDown: func(w *world) {
			w.s.cfg.Plugins = func() []PluginStatus { return []PluginStatus{{Kind: "transport", State: "backoff"}} }
		},
		WarnCatchingUp: func(w *world) { w.s.machine.close() },
	} {
		t.Run(reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				if list := w.s.Status().Warnings; len(list) != 0 {
					t.Fatalf("a young member warns of %v", list)
				}
				happens(w)
				ready := w.s.Ready()
				var found string
				for _, warning := range w.s.Status().Warnings {
					if warning.Reason == reason {
						found = warning.Text
					}
				}
				if ready == nil || found == "" {
					t.Errorf("ready: %v, and the status warns of %v", ready, w.s.Status().Warnings)
				}
			})
		})
	}
}

// silent are ports of a node that has nothing to put out.
type silent struct{ node.Ports }

func (silent) StateChanged(node.State) {}

// loseData has a leader count on entries that this member does not have.
func (w *world) loseData() {
	w.t.Helper()
	core, err := node.NewCore(node.Config{
		ID: 1, Group: 1, ElectionTicks: 10, HeartbeatTicks: 1, Limits: plugins.DefaultLimits(), State: storage.State{FirstIndex: 1},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	heartbeat, err := (&pluginv1.Message{Type: 8, From: 2, To: 1, Term: 5, Commit: 100}).Marshal()
	if err != nil {
		w.t.Fatal(err)
	}
	w.s.Detach(ErrStorageRestart)
	w.node = node.New(core, silent{})
	w.node.Deliver([]transport.Envelope{{Group: 1, From: 2, To: 1, Payload: heartbeat}})
	stop := make(chan struct{})
	w.node.Do(func(*node.Core) error { close(stop); return nil })
	if err := w.node.Run(stop, nil); err != nil {
		w.t.Fatal(err)
	}
	w.s.Attach(w.node, w.store, 0, nil)
	if err := w.s.Ready(); !errors.Is(err, node.ErrLostData) {
		w.t.Fatalf("ready: %v, want %v: this shows nothing", err, node.ErrLostData)
	}
}
