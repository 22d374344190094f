package httptransport

import "time"

// peerFamilies are the metrics of each peer.
func peerFamilies() []family {
	one := func(value func(*peer) float64) func(*peer) []sample {
		return func(p *peer) []sample { return []sample{{value: value(p)}} }
	}
	const prefix = "pontoon_transport_http_peer_"
	return []family{
		{prefix + "active_since_seconds", "gauge", "When the peer became reachable, Unix time; 0 while it is not.", one(func(p *peer) float64 {
			return float64(p.facts.since.Load()) / float64(time.Second)
		})},
		{prefix + "round_trip_seconds", "gauge", "The last probe's round trip; 0 before the first.", one(func(p *peer) float64 {
			return time.Duration(p.facts.rtt.Load()).Seconds()
		})},
		{prefix + "clock_ahead_seconds", "gauge", "How far the peer's clock is ahead of this node's.", one(func(p *peer) float64 {
			return time.Duration(p.facts.skew.Load()).Seconds()
		})},
		{prefix + "dropped_messages_total", "counter", "Messages that were dropped before they were sent.", one(func(p *peer) float64 {
			return float64(p.facts.dropped.Load())
		})},
		{prefix + "queued_bytes_total", "counter", "Bytes of messages accepted, by channel.", func(p *peer) []sample {
			return []sample{
				{`,channel="message"`, float64(p.facts.stream[messageStream].Load())},
				{`,channel="msgapp"`, float64(p.facts.stream[appendStream].Load())},
				{`,channel="pipeline"`, float64(p.facts.posted.Load())},
			}
		}},
		{prefix + "snapshot_bytes_total", "counter", "Bytes of snapshots put on connections, again after a break included.", one(func(p *peer) float64 {
			return float64(p.facts.snapshot.Load())
		})},
		{prefix + "snapshot_resumes_total", "counter", "How often a snapshot went on after a broken connection.", one(func(p *peer) float64 {
			return float64(p.facts.resumed.Load())
		})},
		{prefix + "waiting_messages", "gauge", "Messages that wait, by channel.", func(p *peer) []sample {
			return []sample{
				{`,channel="message"`, float64(p.waiting(messageStream))},
				{`,channel="msgapp"`, float64(p.waiting(appendStream))},
				{`,channel="pipeline"`, float64(p.pipeline.length())},
			}
		}},
	}
}
