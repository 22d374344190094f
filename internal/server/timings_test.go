package server

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// measured is the histogram of a name, of the series with a label's value if one is given.
func measured(t *testing.T, r prometheus.Gatherer, name string, label ...string) *dto.Histogram {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "pontoon_"+name {
			continue
		}
		for _, m := range f.GetMetric() {
			if len(label) == 0 || m.GetLabel()[0].GetValue() == label[0] {
				return m.GetHistogram()
			}
		}
	}
	return &dto.Histogram{}
}

// wantMeasured checks how many durations a histogram has, and their sum.
func wantMeasured(t *testing.T, h *dto.Histogram, what string, count uint64, sum time.Duration) {
	t.Helper()
	if got := time.Duration(h.GetSampleSum()*float64(time.Second) + 0.5); h.GetSampleCount() != count || got != sum {
		t.Errorf("%s: %d, %v together; want %d, %v", what, h.GetSampleCount(), got, count, sum)
	}
}

// far is a pipeline whose answers are on their way for a while.
type far struct {
	statemachine.Applier
	way time.Duration
	// silent: it does not say its own part.
	silent bool
}

// Recv implements statemachine.Applier.
func (f far) Recv() (statemachine.Outcome, error) {
	out, err := f.Applier.Recv()
	if err != nil {
		return out, err
	}
	time.Sleep(f.way)
	if f.silent {
		out.Took = 0
	}
	return out, nil
}

// A slow state machine shows in the time of apply, a slow way to it in that of the hop, and
// none of both in the other. Batches that wait in the state machine for the one before them
// are slow in neither.
func TestASlowStateMachineIsToldFromASlowWay(t *testing.T) {
	for name, c := range map[string]struct {
		slow, way        time.Duration
		silent           bool
		applied, hopping time.Duration
		hops             uint64
	}{
		"a slow state machine":               {slow: 300 * time.Millisecond, applied: 900 * time.Millisecond, hops: 3},
		"a slow way":                         {slow: time.Millisecond, way: 50 * time.Millisecond, applied: 3 * time.Millisecond, hopping: 148 * time.Millisecond, hops: 3},
		"both":                               {slow: 300 * time.Millisecond, way: 50 * time.Millisecond, applied: 900 * time.Millisecond, hopping: 50 * time.Millisecond, hops: 3},
		"a state machine that says no times": {slow: 300 * time.Millisecond, way: 50 * time.Millisecond, silent: true, applied: 950 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				registry := prometheus.NewRegistry()
				w := newWorldAfter(t, func(cfg *Config) { cfg.Metrics = registry }, func(s *Server) {
					s.cfg.StateMachine.(*source).prepare = func(_ int, m *machine) error {
						m.pipeline = func(a statemachine.Applier) statemachine.Applier { return far{a, c.way, c.silent} }
						m.apply = func(_ statemachine.Batch, r []statemachine.Result) ([]statemachine.Result, error) {
							time.Sleep(c.slow)
							return r, nil
						}
						return nil
					}
				})
				w.commit("a")
				synctest.Wait() // "a" is a batch of its own
				w.commit("b")
				synctest.Wait() // "b" waits in the state machine
				w.commit("c")
				time.Sleep(time.Minute)
				w.wantState("a", "b", "c")
				wantMeasured(t, measured(t, registry, "apply_duration_seconds"), "apply", 3, c.applied)
				wantMeasured(t, measured(t, registry, "apply_hop_duration_seconds"), "hop", c.hops, c.hopping)
			})
		})
	}
}

// A proposal counts with the time until its client was answered, by how that was.
func TestProposalsAreTimedByTheirOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		w := newWorld(t, func(cfg *Config) { cfg.Metrics = registry })
		id, applied := w.propose("applied")
		time.Sleep(70 * time.Millisecond)
		w.commitAs(id, "applied")
		synctest.Wait()
		if end := <-applied; end.err != nil {
			t.Fatal(end.err)
		}
		if _, err := w.s.Propose(context.Background(), nil); err == nil {
			t.Fatal("an empty value was taken")
		}
		_, lost := w.propose("lost")
		time.Sleep(30 * time.Millisecond)
		w.s.Detach(ErrStorageRestart)
		<-lost
		wantMeasured(t, measured(t, registry, "proposal_duration_seconds", "applied"), "applied", 1, 70*time.Millisecond)
		wantMeasured(t, measured(t, registry, "proposal_duration_seconds", "refused"), "refused at once", 0, 0)
		wantMeasured(t, measured(t, registry, "proposal_duration_seconds", "unknown"), "unknown", 1, 30*time.Millisecond)
	})
}

// A membership change is not a proposal of a client, whatever becomes of it: it counts among the
// requests that were answered, by its outcome, and its time is not among those of proposals.
func TestChangesAreNotTimedAsProposals(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(w *world, id node.RequestID)
		want verdict
	}{
		"applied": {func(w *world, id node.RequestID) {
			w.s.answer([]work{{apply: node.Apply{Changes: []node.ChangeResult{{ID: id}}}}}, nil)
		}, applied},
		"not admitted at its place in the log": {func(w *world, id node.RequestID) {
			w.s.answer([]work{{apply: node.Apply{Changes: []node.ChangeResult{{ID: id, Err: member.ErrExists}}}}}, nil)
		}, refused},
		"dropped by raft":    {func(w *world, id node.RequestID) { w.s.Rejected([]node.RequestID{id}, node.ErrDropped) }, refused},
		"lost on the way":    {func(w *world, id node.RequestID) { w.s.Unanswered([]node.RequestID{id}) }, unknown},
		"its time is up":     {func(*world, node.RequestID) { time.Sleep(time.Minute) }, unknown},
		"the storage starts": {func(w *world, _ node.RequestID) { w.s.Detach(ErrStorageRestart) }, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				registry := prometheus.NewRegistry()
				w := newWorld(t, func(cfg *Config) { cfg.Metrics = registry })
				change, answered := w.s.newWaiter(0, 0, nil), make(chan struct{})
				change.change, change.done = true, func(Result, error) { close(answered) }
				id := w.s.newRequest()
				if _, err := w.s.register(id, change); err != nil {
					t.Fatal(err)
				}
				c.end(w, id)
				<-answered
				for o := range verdicts {
					wantMeasured(t, measured(t, registry, "proposal_duration_seconds", o.String()), o.String(), 0, 0)
					want := 0.0
					if o == c.want {
						want = 1
					}
					var got dto.Metric
					if err := w.s.metrics.proposals[o].Write(&got); err != nil || got.GetCounter().GetValue() != want {
						t.Errorf("%v requests are %v, want %v (%v)", got.GetCounter().GetValue(), o, want, err)
					}
				}
			})
		})
	}
}

// A plugin's word counts up to the time that has passed: one that lies makes its own time no
// longer, nor that of the way negative.
func TestAPluginSaysNoLongerTimeThanPassed(t *testing.T) {
	for name, c := range map[string]struct{ total, took, way, work time.Duration }{
		"an honest one":    {5, 3, 2, 3},
		"more than passed": {5, 1 << 30, 0, 5},
		"a clock set back": {-5, 3, 0, 0},
	} {
		timings := NewTimings()
		timings.Appended(c.total*time.Millisecond, c.took*time.Millisecond)
		registry := prometheus.NewRegistry()
		registry.MustRegister(timings.appendHop, timings.appendSync)
		wantMeasured(t, measured(t, registry, "append_hop_duration_seconds"), name+": the way", 1, c.way*time.Millisecond)
		wantMeasured(t, measured(t, registry, "append_sync_duration_seconds"), name+": the storage", 1, c.work*time.Millisecond)
	}
}

// The series of a member go when the cluster does not have it any more: their number is bounded
// by that of the members, however often they change.
func TestRoundTripsOfRemovedMembersGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		w := newWorld(t, func(cfg *Config) { cfg.Metrics = registry })
		for id := range member.ID(100) {
			w.s.Timings().RoundTrip(id + 1).Observe(0.001)
		}
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "pontoon_peer_round_trip_seconds" && len(f.GetMetric()) > 1 {
				t.Errorf("%d members have round trips, in a cluster of one", len(f.GetMetric()))
			}
		}
	})
}

// A scrape may see the members as they were before a new one came, whose round trips the leader
// observes already: those after it are measured all the same.
func TestRoundTripsOfANewMemberStay(t *testing.T) {
	registry, known := prometheus.NewRegistry(), false
	timings := NewTimings()
	timings.trips.gone = func(member.ID) bool { return !known }
	registry.MustRegister(timings.trips)
	trip := timings.RoundTrip(2)
	trip.Observe(0.001)
	wantMeasured(t, measured(t, registry, "peer_round_trip_seconds"), "before it is known", 0, 0)
	known = true
	trip.Observe(0.003)
	wantMeasured(t, measured(t, registry, "peer_round_trip_seconds"), "after that", 1, 3*time.Millisecond)
}

// An observation needs no memory, and so no garbage is collected for it.
func TestAnObservationAllocatesNothing(t *testing.T) {
	timings := NewTimings()
	trip := timings.RoundTrip(2)
	if n := testing.AllocsPerRun(100, func() {
		timings.Queued().Observe(0.001)
		timings.Appended(3*time.Millisecond, time.Millisecond)
		trip.Observe(0.0001)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkAWritesObservations is what the histograms cost a write at 1000 clients: two
// observations of its own, and its share of those of its batch, which is at least 30 writes.
func BenchmarkAWritesObservations(b *testing.B) {
	m := newMetrics(New(Config{}), nil)
	start := time.Now()
	w := &waiter{start: start}
	for b.Loop() {
		for range 30 {
			m.ended(applied, w, start.Add(time.Millisecond))
			m.timings.Queued().Observe(0.001)
		}
		now := time.Now()
		m.timings.Appended(now.Sub(start), time.Microsecond)
		split(m.timings.applyHop, m.timings.apply, time.Since(start), time.Microsecond)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/30, "ns/write")
}
