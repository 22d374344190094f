package core_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// stages are the histograms of the stages of a write.
func stages() []string {
	return []string{
		"pontoon_proposal_queue_duration_seconds", "pontoon_append_hop_duration_seconds", "pontoon_append_sync_duration_seconds",
		"pontoon_peer_round_trip_seconds", "pontoon_apply_hop_duration_seconds", "pontoon_apply_duration_seconds",
	}
}

// slowMachine takes a while for each batch.
type slowMachine struct {
	*statemachinetest.Register
	pause time.Duration
}

// Apply implements statemachine.StateMachine.
func (m slowMachine) Apply(ctx context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	<-time.After(m.pause)
	return m.Register.Apply(ctx, b)
}

// A slow disk, a slow state machine and a slow way to the followers show each in the stage that
// names it, and that is the longest of all.
func TestWhatIsSlowIsTheLongestStage(t *testing.T) {
	const slow = 60 * time.Millisecond
	for stage, slows := range map[string]func(c *cluster, cfg *core.Config){
		"pontoon_append_sync_duration_seconds": func(c *cluster, cfg *core.Config) {
			c.nodes[member.ID(cfg.ID)].disk.OnAppend(func([]storage.Batch) error {
				<-time.After(slow)
				return nil
			})
		},
		"pontoon_apply_duration_seconds": func(_ *cluster, cfg *core.Config) {
			cfg.Backends[1] = backend.StateMachine("register", func(backend.Env) statemachine.StateMachine {
				return slowMachine{statemachinetest.NewRegister(), slow}
			})
		},
		"pontoon_peer_round_trip_seconds": func(c *cluster, _ *core.Config) { c.network.Delay(slow) },
	} {
		t.Run(stage, func(t *testing.T) {
			c := newCluster(t, 0, nil)
			c.tune = func(cfg *core.Config) {
				cfg.Metrics, cfg.Tick, cfg.Election = prometheus.NewRegistry(), 100*time.Millisecond, time.Second
				c.metrics[member.ID(cfg.ID)] = cfg.Metrics
				slows(c, cfg)
			}
			c.found(3)
			leader := c.leader()
			for i := range 10 {
				c.propose(leader, fmt.Sprint(i))
			}
			c.eventually("a round trip to both followers", func() bool { return len(c.gathered(leader, "pontoon_peer_round_trip_seconds")) == 2 })
			longest, most := "", 0.0
			for _, name := range stages() {
				count, sum := uint64(0), 0.0
				for _, m := range c.gathered(leader, name) {
					count, sum = count+m.GetHistogram().GetSampleCount(), sum+m.GetHistogram().GetSampleSum()
				}
				if count == 0 {
					t.Errorf("%s has seen nothing", name)
				} else if mean := sum / float64(count); mean > most {
					longest, most = name, mean
				}
			}
			if longest != stage || most < slow.Seconds() {
				t.Errorf("the longest stage is %s with %.3f s, want %s with %v or more", longest, most, stage, slow)
			}
			for _, m := range c.gathered(leader, "pontoon_proposal_duration_seconds") {
				if h := m.GetHistogram(); m.GetLabel()[0].GetValue() == "applied" && (h.GetSampleCount() < 10 || h.GetSampleSum() < 10*slow.Seconds()) {
					t.Errorf("ten proposals took %v", h)
				}
			}
		})
	}
}
