package server

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
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

// Every reason that keeps a member from serving is a warning in its status
// too, where "status --check" looks.
func TestStatusWarnsOfWhateverKeepsAMemberFromServing(t *testing.T) {
	for reason, happens := range map[string]func(*world){
		WarnStopping:  func(w *world) { w.s.Drain() },
		WarnConflict:  func(w *world) { w.s.SetConflict(errors.New("members 2, 3 belong to another cluster")) },
		WarnNoStorage: func(w *world) { w.s.Detach(ErrStorageRestart) },
		WarnLostData:  func(w *world) { w.loseData() },
		WarnDoubled: func(w *world) {
			w.hears(&pluginv1.Message{Type: 8, From: 2, To: 1, Term: 5, Run: 1, Doubled: true}, 12)
		},
		WarnUnanswered: func(w *world) {
			w.leads(2, 5)
			for range minMisses {
				w.impatient("x")
			}
			w.see() // raft passes them on
			<-time.After(RequestTimeout(election) + 2*tick)
		},
		WarnNoLeader: func(*world) { <-time.After(StallAfter(election)) },
		WarnPluginDown: func(w *world) {
			w.s.cfg.Plugins = func() []PluginStatus { return []PluginStatus{{Kind: "transport", State: "backoff"}} }
		},
		WarnCatchingUp: func(w *world) { w.s.machine.close(nil) },
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

// While the leader commits nothing, proposals that were passed on to it end
// unanswered: that says nothing of the path to it.
func TestAStalledLeaderIsNotTakenForANarrowPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.leads(2, 5)
		for range minMisses {
			w.impatient("x")
		}
		w.see()
		<-time.After(RequestTimeout(election) + 2*tick)
		ns := node.State{Leader: 2, Term: 5}
		reasons := func() (list []string) {
			for _, o := range w.s.obstaclesOf(ns, 0) {
				if o.reason == WarnUnanswered || o.reason == WarnCommitStalled {
					list = append(list, o.reason)
				}
			}
			return list
		}
		if got := reasons(); !slices.Equal(got, []string{WarnUnanswered}) {
			t.Fatalf("beside a leader that commits: %v", got)
		}
		ns.LeaderUncommittedTicks = 1000
		if got := reasons(); !slices.Equal(got, []string{WarnCommitStalled}) {
			t.Errorf("beside one that does not: %v", got)
		}
	})
}

// A member does not serve from the first word on that it may have lost data, and
// says that it is not certain yet.
func TestAMemberThatMayHaveLostDataDoesNotServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.hears(&pluginv1.Message{Type: 8, From: 2, To: 1, Term: 5, Commit: 100}, 1)
		err := w.s.Ready()
		if !errors.Is(err, ErrNotReady) || errors.Is(err, node.ErrLostData) || !strings.Contains(err.Error(), "may have lost data") {
			t.Errorf("ready: %v", err)
		}
	})
}

// silent are ports of a node whose output goes nowhere.
type silent struct{ node.Ports }

func (silent) StateChanged(node.State)   {}
func (silent) Append(node.Append)        {}
func (silent) Send([]transport.Envelope) {}

// loseData has a leader count on entries that this member does not have.
func (w *world) loseData() {
	w.t.Helper()
	w.hears(&pluginv1.Message{Type: 8, From: 2, To: 1, Term: 5, Commit: 100}, 12)
	if err := w.s.Ready(); !errors.Is(err, node.ErrLostData) {
		w.t.Fatalf("ready: %v, want %v: this shows nothing", err, node.ErrLostData)
	}
}

// hears gives the server another node, one of two members, that has heard a
// heartbeat.
func (w *world) hears(heartbeat *pluginv1.Message, times int) {
	w.t.Helper()
	other := member.Member{ID: 2, Name: "n2", PeerURLs: []string{"http://n2:1"}}
	registry, err := w.registry.Apply(member.Change{Op: member.Add, Member: other}, 1, 1)
	if err != nil {
		w.t.Fatal(err)
	}
	core, err := node.NewCore(tabled(node.Config{
		ID: 1, Group: 1, ElectionTicks: 10, HeartbeatTicks: 1, Limits: plugins.DefaultLimits(), Registry: registry,
		State: storage.State{
			FirstIndex: 2, LastIndex: 1, HardState: storage.HardState{Term: 1, Commit: 1},
			Snapshots: []storage.SnapshotInfo{{Metadata: storage.SnapshotMetadata{Index: 1, Term: 1, ConfState: storage.ConfState{Voters: []uint64{1, 2}}}}},
			Terms:     []storage.TermBoundary{{Index: 1, Term: 1}},
		},
	}))
	if err != nil {
		w.t.Fatal(err)
	}
	payload, err := heartbeat.Marshal()
	if err != nil {
		w.t.Fatal(err)
	}
	w.s.Detach(ErrStorageRestart)
	w.node = node.New(core, silent{})
	ticks, stop, ended := make(chan time.Time), make(chan struct{}), make(chan error)
	go func() { ended <- w.node.Run(stop, ticks) }()
	for range times {
		w.node.Deliver([]transport.Envelope{{Group: 1, From: 2, To: 1, Payload: payload}})
		synctest.Wait()
		ticks <- time.Now()
	}
	synctest.Wait()
	close(stop)
	if err := <-ended; err != nil {
		w.t.Fatal(err)
	}
	w.s.Attach(w.node, w.store, 0, nil)
}

// A member that has had no connection with another one for long says so, though it
// serves: two followers that do not reach each other can elect no leader.
func TestAMemberSaysFromWhichOthersItIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.s.cfg.Links = func() []PeerLink {
			return []PeerLink{{ID: 2, Active: true}, {ID: 3, Apart: StallAfter(election)}, {ID: 4, Apart: StallAfter(election) - 1}}
		}
		list := w.s.Status().Warnings
		if len(list) != 1 || list[0].Reason != WarnApart || !strings.Contains(list[0].Text, "no connection with 3 for") {
			t.Errorf("it warns of %v", list)
		}
	})
}
