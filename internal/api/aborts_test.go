package api_test

import (
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/api"
)

var abortsSeed = flag.Uint64("aborts.seed", 0, "where the choice of clients that break off begins; 0 draws one")

// mostRounds bounds a test that fails: some counts are above 0 for a moment only, and a busy
// machine looks at them seldom.
const mostRounds = 50

// Clients of all kinds break off at any moment: calls, streams, watches, bodies and
// connections. Afterwards nothing counts for them any more, by any name, and the limits
// let in as many as before.
func TestNothingCountsForClientsThatAreGone(t *testing.T) {
	seed := *abortsSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	defer func() {
		if t.Failed() {
			t.Logf("again: go test ./internal/api -run %s -aborts.seed %d", t.Name(), seed)
		}
	}()
	w := newAborts(t, seed)
	before := w.capacity(t)
	w.idle(t)
	w.svc.moods(rand.New(rand.NewPCG(seed, 0)), false)
	unseen := w.counts()
	for round := 0; round < mostRounds && len(unseen) > 0; round++ {
		w.watched(t, unseen, func() { w.run(t, round, 24, 40) })
	}
	w.svc.moods(nil, false)
	w.svc.settle()
	w.idle(t)
	if after := w.capacity(t); !maps.Equal(after, before) {
		t.Errorf("the limits let in %v, and at first %v", after, before)
	}
	w.idle(t)
	if len(unseen) > 0 {
		t.Errorf("these were never above 0, which shows nothing: %v", slices.Sorted(maps.Keys(unseen)))
	}
}

// aborts are a server and clients that break off.
type aborts struct {
	s    *api.Server
	svc  *moodyService
	reg  *prometheus.Registry
	keys keys
	seed uint64
}

const (
	abortStreams, abortCalls, abortWatches, abortProposals = 24, 24, 24, 200
	// One client with the role write may have so many.
	abortInFlight, abortConnections = 60, 12
)

func newAborts(t *testing.T, seed uint64) *aborts {
	k := newKeys(t)
	limit := access.Limit{Connections: abortConnections, ProposalsInFlight: abortInFlight}
	guard, err := access.New(&access.Policy{
		TokensFile: k.file, Anonymous: access.Write, Reload: 5 * time.Millisecond,
		Limits: map[string]access.Limit{"a-write": limit, access.Others: {Connections: 500, ProposalsInFlight: 500}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &aborts{
		svc:  &moodyService{fakeService: &fakeService{}},
		reg:  prometheus.NewRegistry(),
		keys: k, seed: seed,
	}
	w.s = start(t, api.Options{
		Service: w.svc, Metrics: w.reg, Gatherer: w.reg, Access: guard, Logger: slog.New(slog.DiscardHandler),
		Limits: api.Limits{
			MaxConnections: 36, MaxPending: abortProposals, MaxPendingBytes: 1 << 20, MaxProposalStreams: abortStreams, MaxCalls: abortCalls, MaxWatches: abortWatches,
			MaxResultBytes: 1 << 20, MaxAdminConnections: 8, SlowAfter: 100 * time.Millisecond, StalledAfter: 500 * time.Millisecond,
			FirstBytes: time.Second, ReadRequest: time.Second, Idle: time.Second, Pace: 200 * time.Millisecond,
			HealthInterval: 5 * time.Millisecond,
		},
	})
	return w
}

// run has so many clients at a time, one after the other.
func (w *aborts) run(t *testing.T, round, atOnce, each int) {
	var all sync.WaitGroup
	for i := range atOnce {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(w.seed, uint64(round*atOnce+i+1)))
			for range each {
				abortKinds()[rng.IntN(len(abortKinds()))](&abortingClient{aborts: w, rng: rng, t: t})
			}
		})
	}
	all.Wait()
}

// counts are those that are to be above 0 while clients break off.
func (*aborts) counts() map[string]struct{} {
	all := map[string]struct{}{}
	for _, name := range []string{
		"open", "undecided", "admin", "reserved", "bounds.open.count", "bounds.watches.count", "bounds.calls.count", "bounds.answers.count", "bounds.streams.count",
		"bounds.window.count", "bounds.window.bytes", "bounds.bodies.count", "bounds.bodies.bytes", "bounds.results", "bounds.refusals",
		"bounds.abandoned", "meters.conns", "meters.streams", "meters.bytes", "meters.unread", "meters.handed",
		"guard.held", "guard.users", "guard.connections", "guard.inFlight",
	} {
		all[name] = struct{}{}
	}
	return all
}

// watched does something, and takes the counts that are above 0 meanwhile from the
// unseen ones.
func (w *aborts) watched(t *testing.T, unseen map[string]struct{}, do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			for name := range w.s.Uses(t) {
				delete(unseen, name)
			}
		case <-done:
			return
		}
	}
}

// idle waits until nothing counts, inside and in the metrics.
func (w *aborts) idle(t *testing.T) {
	t.Helper()
	var left []string
	defer func() {
		if t.Failed() {
			t.Logf("what counts: %v", left)
		}
	}()
	within(t, "nothing counts for clients that are gone", func() bool {
		left = nil
		for name, n := range w.s.Uses(t) {
			left = append(left, fmt.Sprintf("%s %d", name, n))
		}
		for name, n := range gauges(t, w.reg) {
			if n != 0 {
				left = append(left, fmt.Sprintf("%s %v", name, n))
			}
		}
		slices.Sort(left)
		return len(left) == 0
	})
}

// gauges are those of the client port.
func gauges(t *testing.T, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if strings.HasPrefix(f.GetName(), "pontoon_api_") && m.GetGauge() != nil {
				all[f.GetName()] = m.GetGauge().GetValue()
			}
		}
	}
	return all
}
