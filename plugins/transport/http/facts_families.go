package httptransport

import (
	"time"

	peerfacts "github.com/pontoon-raft/pontoon/plugins/transport/internal/facts"
)

// peerFamilies are the metrics of each peer.
func peerFamilies() []peerfacts.Family[*peer] {
	const prefix = "pontoon_transport_http_peer_"
	standing := peerfacts.Standings(prefix, "The last probe's round trip; 0 before the first.",
		func(p *peer) time.Duration { return time.Duration(p.facts.rtt.Load()) },
		func(p *peer) *peerfacts.Standing { return &p.facts.Standing })
	return append(standing,
		peerfacts.Counter(prefix+"queued_bytes_total", "Bytes of messages accepted, by channel.", func(p *peer) []peerfacts.Sample {
			return []peerfacts.Sample{
				{Labels: `,channel="message"`, Value: float64(p.facts.stream[messageStream].Load())},
				{Labels: `,channel="msgapp"`, Value: float64(p.facts.stream[appendStream].Load())},
				{Labels: `,channel="pipeline"`, Value: float64(p.facts.posted.Load())},
			}
		}),
		peerfacts.Counter(prefix+"snapshot_bytes_total", "Bytes of snapshots put on connections, again after a break included.", peerfacts.One(func(p *peer) float64 {
			return float64(p.facts.snapshot.Load())
		})),
		peerfacts.Counter(prefix+"snapshot_resumes_total", "How often a snapshot went on after a broken connection.", peerfacts.One(func(p *peer) float64 {
			return float64(p.facts.resumed.Load())
		})),
		peerfacts.Gauge(prefix+"waiting_messages", "Messages that wait, by channel.", func(p *peer) []peerfacts.Sample {
			return []peerfacts.Sample{
				{Labels: `,channel="message"`, Value: float64(p.waiting(messageStream))},
				{Labels: `,channel="msgapp"`, Value: float64(p.waiting(appendStream))},
				{Labels: `,channel="pipeline"`, Value: float64(p.pipeline.length())},
			}
		}),
	)
}
