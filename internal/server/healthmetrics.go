package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/node"
)

// unfitCollector reports why this member is unfit to lead.
type unfitCollector struct{ s *Server }

func (c unfitCollector) unfit() *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_unfit", "1 if this makes the member unfit to lead.", []string{"reason"}, nil)
}

// Describe implements prometheus.Collector.
func (c unfitCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.unfit() }

// Collect implements prometheus.Collector.
func (c unfitCollector) Collect(ch chan<- prometheus.Metric) {
	var is node.Condition
	if c.s.cfg.Fitness != nil {
		for _, u := range c.s.cfg.Fitness() {
			is |= u.Condition
		}
	}
	for _, reason := range node.Unfitting() {
		value := 0.0
		if is.Has(reason) {
			value = 1
		}
		ch <- prometheus.MustNewConstMetric(c.unfit(), prometheus.GaugeValue, value, reason.String())
	}
}

// peerCollector reports which followers of this leader get nowhere.
type peerCollector struct{ s *Server }

func (c peerCollector) stalled() *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_peer_stalled",
		"On the leader: 1 if the follower has got nothing for several election timeouts though there is something for it.",
		[]string{"peer"}, nil)
}

// Describe implements prometheus.Collector.
func (c peerCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.stalled() }

// Collect implements prometheus.Collector.
func (c peerCollector) Collect(ch chan<- prometheus.Metric) {
	for _, p := range c.s.Status().Progress {
		value := 0.0
		if p.Stalled >= StallAfter(c.s.cfg.Election) {
			value = 1
		}
		ch <- prometheus.MustNewConstMetric(c.stalled(), prometheus.GaugeValue, value, p.ID.String())
	}
}
