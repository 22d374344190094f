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

// peerCollector reports how the followers of this leader get on.
type peerCollector struct {
	s                                         *Server
	stalled, entries, bytes, inFlight, silent *prometheus.Desc
}

func newPeerCollector(s *Server) *peerCollector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(namespace+"_peer_"+name, "On the leader: "+help, []string{"peer"}, nil)
	}
	return &peerCollector{
		s:        s,
		stalled:  desc("stalled", "1 if the follower has got nothing for several election timeouts though there is something for it."),
		entries:  desc("lag_entries", "entries that the follower has not acknowledged."),
		bytes:    desc("lag_bytes", "bytes of the entries that the follower has not acknowledged, about."),
		inFlight: desc("inflight_bytes", "bytes of the entries that were sent to the follower and that it has not acknowledged, about."),
		silent:   desc("last_contact_seconds", "how long ago the follower was heard."),
	}
}

// Describe implements prometheus.Collector.
func (c *peerCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.stalled, c.entries, c.bytes, c.inFlight, c.silent} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *peerCollector) Collect(ch chan<- prometheus.Metric) {
	for _, p := range c.s.Status().Progress {
		gauge := func(d *prometheus.Desc, value float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, p.ID.String())
		}
		stalled := 0.0
		if p.Stalled >= StallAfter(c.s.cfg.Election) {
			stalled = 1
		}
		gauge(c.stalled, stalled)
		gauge(c.silent, p.Silent.Seconds())
		if l := p.Lag; l != nil {
			gauge(c.entries, float64(l.Entries))
			gauge(c.bytes, float64(l.Bytes))
			gauge(c.inFlight, float64(l.InFlight))
		}
	}
}
