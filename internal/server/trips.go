package server

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
)

// roundTrips are the histograms of the round trips to the other members. Those of members
// that the cluster does not have any more go with the next scrape.
type roundTrips struct {
	*prometheus.HistogramVec

	mu sync.Mutex
	of map[member.ID]bool
	// gone tells whether the cluster does not have a member any more; set before the first use.
	gone func(member.ID) bool
}

func newRoundTrips() *roundTrips {
	return &roundTrips{of: map[member.ID]bool{}, HistogramVec: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: "peer_round_trip_seconds", Buckets: stageBuckets(),
		Help: "On the leader: time from a heartbeat to the answer of the follower.",
	}, []string{"peer"})}
}

// observer is that of one member.
func (r *roundTrips) observer(id member.ID) node.Observer {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of[id] = true
	return r.WithLabelValues(id.String())
}

// Collect implements prometheus.Collector.
func (r *roundTrips) Collect(ch chan<- prometheus.Metric) {
	r.mu.Lock()
	for id := range r.of {
		if r.gone(id) {
			r.DeleteLabelValues(id.String())
			delete(r.of, id)
		}
	}
	r.mu.Unlock()
	r.HistogramVec.Collect(ch)
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
