package core

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/events"
)

// eventCounts are the metrics of a host's events.
type eventCounts struct {
	ring                   *events.Ring
	all, overwritten, kept *prometheus.Desc
}

func newEventCounts(r *events.Ring) *eventCounts {
	return &eventCounts{
		r,
		prometheus.NewDesc("pontoon_events_total", "Events of this host, each time that one has happened again included.", nil, nil),
		prometheus.NewDesc("pontoon_events_overwritten_total", "Events that have made way for later ones.", nil, nil),
		prometheus.NewDesc("pontoon_events_kept", "Events that can be asked for.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *eventCounts) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, out) }

// Collect implements prometheus.Collector.
func (c *eventCounts) Collect(out chan<- prometheus.Metric) {
	all, overwritten, kept := c.ring.Counts()
	out <- prometheus.MustNewConstMetric(c.all, prometheus.CounterValue, float64(all))
	out <- prometheus.MustNewConstMetric(c.overwritten, prometheus.CounterValue, float64(overwritten))
	out <- prometheus.MustNewConstMetric(c.kept, prometheus.GaugeValue, float64(kept))
}
