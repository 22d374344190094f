package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins"
)

// Timings are histograms of how long the stages take that requests pass through. They are
// observed by the goroutines that do the work: without a lock, and without an allocation.
// All stages have the same buckets, so that they can be compared.
type Timings struct {
	proposals  [verdicts]prometheus.Observer
	queued     prometheus.Histogram
	appendHop  prometheus.Histogram
	appendSync prometheus.Histogram
	applyHop   prometheus.Histogram
	apply      prometheus.Histogram
	barrier    prometheus.Histogram
	sent       prometheus.Observer
	unsent     prometheus.Observer
	install    prometheus.Histogram
	restore    prometheus.Histogram
	calls      *prometheus.HistogramVec
	trips      *roundTrips

	all []prometheus.Collector
}

// verdict is how a request ends: a label, and a place in Timings.
type verdict int

const (
	applied verdict = iota
	refused
	unknown
	verdicts
)

func (o verdict) String() string { return [...]string{"applied", "refused", "unknown"}[o] }

// stageBuckets are for stages that take from a hop between two processes, some 30 µs, to a
// disk that stands still for seconds.
func stageBuckets() []float64 { return prometheus.ExponentialBuckets(25e-6, 2, 20) }

// snapshotBuckets are for work on a state of any size: from 10 ms to 45 minutes.
func snapshotBuckets() []float64 { return prometheus.ExponentialBuckets(0.01, 4, 10) }

// NewTimings makes them. They are registered by the Server of whose Config they are a part.
func NewTimings() *Timings {
	t := &Timings{trips: newRoundTrips()}
	t.all = append(t.all, t.trips)
	stage := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets})
		t.all = append(t.all, h)
		return h
	}
	by := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
		t.all = append(t.all, v)
		return v
	}
	t.queued = stage("proposal_queue_duration_seconds", "Time from the admission of a proposal until raft was given it, or it was passed on to the leader.", stageBuckets())
	t.appendHop = stage("append_hop_duration_seconds", "Time of an append outside the storage: the way to the plugin and back.", stageBuckets())
	t.appendSync = stage("append_sync_duration_seconds", "Time in which the storage wrote and synced an append.", stageBuckets())
	t.applyHop = stage("apply_hop_duration_seconds", "Time of a batch outside the state machine: the way to the plugin and back.", stageBuckets())
	t.apply = stage("apply_duration_seconds", "Time in which the state machine applied a batch.", stageBuckets())
	t.barrier = stage("read_barrier_duration_seconds", "Time of a read until everything that was acknowledged before it was applied here.", stageBuckets())
	t.install = stage("snapshot_install_duration_seconds", "Time in which the storage made a received snapshot the start of its log.", snapshotBuckets())
	t.restore = stage("state_machine_restore_duration_seconds", "Time in which the state machine was restored from a snapshot.", snapshotBuckets())
	proposals := by("proposal_duration_seconds", "Time from the admission of a proposal until its client was answered, by result.", stageBuckets(), "result")
	for o := range verdicts {
		t.proposals[o] = proposals.WithLabelValues(o.String())
	}
	sends := by("snapshot_send_duration_seconds", "Time of sending a snapshot to a follower, by result: done or failed.", snapshotBuckets(), "result")
	t.sent, t.unsent = sends.WithLabelValues("done"), sends.WithLabelValues("failed")
	t.calls = by("plugin_call_duration_seconds", "Time of a call of a plugin that is a process, by its kind and the method.", stageBuckets(), "kind", "method")
	return t
}

// Queued observes how long proposals wait until raft is given them.
func (t *Timings) Queued() node.Observer { return t.queued }

// RoundTrip observes the round trips to a member.
func (t *Timings) RoundTrip(id member.ID) node.Observer { return t.trips.observer(id) }

// PluginCall observes the calls of one method.
func (t *Timings) PluginCall(kind plugins.Kind, method string) prometheus.Observer {
	return t.calls.WithLabelValues(string(kind), method)
}

// Appended observes an append that was answered total after it was sent, or after the answer
// before, and by the storage's word took so much of that; 0 if the storage does not say. Then
// all of it counts as the storage's. A batch that waits in the storage for the sync before it
// is not on the way, and the time of the way in which another one is synced costs nothing.
func (t *Timings) Appended(total, took time.Duration) { split(t.appendHop, t.appendSync, total, took) }

// SnapshotSent observes how long a snapshot was sent.
func (t *Timings) SnapshotSent(d time.Duration, err error) {
	if err != nil {
		t.unsent.Observe(d.Seconds())
		return
	}
	t.sent.Observe(d.Seconds())
}

// SnapshotInstalled observes how long the storage took to install a snapshot.
func (t *Timings) SnapshotInstalled(d time.Duration) { t.install.Observe(d.Seconds()) }

// split observes the work of a plugin and the way to it and back. The word of the plugin
// counts up to the time that passed.
func split(hop, work prometheus.Observer, total, took time.Duration) {
	if total = max(total, 0); took <= 0 {
		work.Observe(total.Seconds())
		return
	}
	took = min(took, total)
	hop.Observe((total - took).Seconds())
	work.Observe(took.Seconds())
}

// Timings are what the parts of the host observe that are not the server.
func (s *Server) Timings() *Timings { return s.metrics.timings }

// ended counts a request whose client was answered. A membership change waits for more than a
// proposal does, so that its time is not among theirs.
func (m *metrics) ended(o verdict, w *waiter, now time.Time) {
	m.proposals[o].Inc()
	if !w.change {
		m.timings.proposals[o].Observe(now.Sub(w.start).Seconds())
	}
}
