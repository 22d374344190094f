package quictransport

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	peerfacts "github.com/pontoon-raft/pontoon/plugins/transport/internal/facts"
)

// facts are what can be said of a peer. They are written and read by any
// goroutine.
type facts struct {
	peerfacts.Standing

	queued [3]atomic.Uint64 // payload bytes queued for each channel
}

// roundTrip is that of the connection there is; 0 without one.
func (p *peer) roundTrip() time.Duration {
	if l := p.link.Load(); l != nil {
		return l.conn.ConnectionStats().SmoothedRTT
	}
	return 0
}

// WriteMetrics implements shell.Endpoint.
func (e *endpoint) WriteMetrics(w io.Writer) error {
	const name = "pontoon_transport_quic_inbound_connections"
	if _, err := fmt.Fprintf(w, "# HELP %s Connections that were dialled by others, unfinished ones included.\n# TYPE %s gauge\n%s %d\n",
		name, name, name, e.doors.count()); err != nil {
		return err
	}
	return e.WriteFacts(w, peerFamilies())
}

// peerFamilies are the metrics of each peer.
func peerFamilies() []peerfacts.Family[*peer] {
	const prefix = "pontoon_transport_quic_peer_"
	byChannel := func(value func(*peer, streamKind) float64) func(*peer) []peerfacts.Sample {
		return func(p *peer) []peerfacts.Sample {
			var all []peerfacts.Sample
			for _, kind := range channelKinds() {
				all = append(all, peerfacts.Sample{Labels: fmt.Sprintf(`,channel=%q`, kind), Value: value(p, kind)})
			}
			return all
		}
	}
	standing := peerfacts.Standings(prefix, "The connection's smoothed round trip; 0 without one.",
		(*peer).roundTrip, func(p *peer) *peerfacts.Standing { return &p.facts.Standing })
	return append(standing,
		peerfacts.Counter(prefix+"queued_bytes_total", "Bytes of messages accepted, by channel.", byChannel(func(p *peer, kind streamKind) float64 {
			return float64(p.facts.queued[kind.channelIndex()].Load())
		})),
		peerfacts.Gauge(prefix+"waiting_messages", "Messages that wait, by channel.", byChannel(func(p *peer, kind streamKind) float64 {
			return float64(p.waiting(kind))
		})),
	)
}
