package core_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// The path from a follower to the leader swallows what is large, as a transport does
// that drops it in its own process and tells no host. No leader answers what the
// follower's clients write, while it is reachable for heartbeats. Every client hears at
// the end of its time that the outcome is unknown, each counts, and the member says so.
func TestFollowerWhoseProposalsVanishSaysSo(t *testing.T) {
	c := newCluster(t, 0, nil)
	on := map[member.ID]*atomic.Bool{}
	for id := range member.ID(3) {
		on[id+1] = &atomic.Bool{}
	}
	c.tune = func(cfg *core.Config) {
		cfg.Metrics = prometheus.NewRegistry()
		c.metrics[member.ID(cfg.ID)] = cfg.Metrics
		cfg.Backends[2] = backend.Transport("network", func(backend.Env) transport.Transport { return narrow{c.network.New(), on[member.ID(cfg.ID)]} })
	}
	c.found(3)
	leader := c.leader()
	follower := c.other(leader)
	c.propose(follower, "before")
	on[follower].Store(true)
	failed := make(chan error, 20)
	for range 20 {
		c.service(follower).ProposeAsync([]byte(strings.Repeat("x", 2000)), 0, func(_ server.Result, err error) { failed <- err })
	}
	for range 20 {
		if err := <-failed; !errors.Is(err, server.ErrTimeout) {
			t.Fatalf("a write that vanished ended with %v, want %v", err, server.ErrTimeout)
		}
	}
	if n := c.counter(follower, "pontoon_proposals_total", "unknown"); n != 20 {
		t.Errorf("%v of 20 writes that vanished are counted", n)
	}
	if l := c.service(follower).Status().Leader; l != leader {
		t.Fatalf("%s leads: the test shows nothing", l)
	}
	if c.service(follower).Ready() == nil || c.warns(follower, server.WarnUnanswered) == "" {
		t.Errorf("20 writes in a row were lost: member %s is ready, or warns of nothing", follower)
	}
	on[follower].Store(false)
	c.propose(follower, "after")
	if err := c.service(follower).Ready(); err != nil {
		t.Errorf("the path is wide again: %v", err)
	}
}
