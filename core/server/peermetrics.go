package server

import (
	"github.com/prometheus/client_golang/prometheus"
)

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
