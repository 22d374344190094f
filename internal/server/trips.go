package server

import (
	"maps"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
)

// roundTrips are the histograms of the round trips to the other members. Those of members
// that the cluster does not have any more go with the next scrape. The raft goroutine asks
// for them, so mu is held for moments, and nothing is waited for meanwhile.
type roundTrips struct {
	desc *prometheus.Desc
	// gone tells whether the cluster does not have a member any more; set before the first use.
	gone func(member.ID) bool

	mu sync.Mutex
	of map[member.ID]prometheus.Histogram
}

const (
	tripName  = "peer_round_trip_seconds"
	tripHelp  = "On the leader: time from a heartbeat to the answer of the follower."
	tripLabel = "peer"
)

func newRoundTrips() *roundTrips {
	return &roundTrips{
		of:   map[member.ID]prometheus.Histogram{},
		desc: prometheus.NewDesc(namespace+"_"+tripName, tripHelp, []string{tripLabel}, nil),
	}
}

// A trip observes the round trips to one member. It looks for the histogram each time: a scrape
// that saw the members as they were before this one came has taken the histogram away.
type trip struct {
	of *roundTrips
	id member.ID
}

// Observe implements node.Observer.
func (t trip) Observe(seconds float64) { t.of.histogram(t.id).Observe(seconds) }

// observer is that of one member.
func (r *roundTrips) observer(id member.ID) node.Observer { return trip{r, id} }

// histogram is that of one member.
func (r *roundTrips) histogram(id member.ID) prometheus.Histogram {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, ok := r.of[id]
	if !ok {
		h = prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: tripName, Help: tripHelp, Buckets: stageBuckets(), ConstLabels: prometheus.Labels{tripLabel: id.String()},
		})
		r.of[id] = h
	}
	return h
}

// present are the histograms of the members that the cluster has.
func (r *roundTrips) present() map[member.ID]prometheus.Histogram {
	all := r.copied()
	for id := range all {
		if r.gone(id) {
			r.mu.Lock()
			delete(r.of, id)
			r.mu.Unlock()
			delete(all, id)
		}
	}
	return all
}

func (r *roundTrips) copied() map[member.ID]prometheus.Histogram {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.of)
}

// Describe implements prometheus.Collector.
func (r *roundTrips) Describe(ch chan<- *prometheus.Desc) { ch <- r.desc }

// Collect implements prometheus.Collector.
func (r *roundTrips) Collect(ch chan<- prometheus.Metric) {
	for _, h := range r.present() {
		h.Collect(ch)
	}
}

// isGone tells whether a member is known not to be one any more.
func (s *Server) isGone(id member.ID) bool {
	n, _ := s.attached()
	if n == nil {
		return false
	}
	_, in := n.State().Registry.Member(id)
	return !in
}
