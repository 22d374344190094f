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
	since   atomic.Int64 // when the peer became active, Unix nanoseconds; 0 if it is not
	skew    atomic.Int64 // nanoseconds by which the peer's clock is ahead
	dropped atomic.Uint64
	queued  [3]atomic.Uint64 // payload bytes queued for each channel
}

func (f *facts) active(is bool) {
	if is {
		f.since.Store(time.Now().UnixNano())
	} else {
		f.since.Store(0)
	}
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
	return []peerfacts.Family[*peer]{
		peerfacts.Gauge(prefix+"active_since_seconds", "When the peer became reachable, Unix time; 0 while it is not.", peerfacts.One(func(p *peer) float64 {
			return float64(p.facts.since.Load()) / float64(time.Second)
		})),
		peerfacts.Gauge(prefix+"round_trip_seconds", "The connection's smoothed round trip; 0 without one.", peerfacts.One(func(p *peer) float64 {
			return p.roundTrip().Seconds()
		})),
		peerfacts.Gauge(prefix+"clock_ahead_seconds", "How far the peer's clock is ahead of this node's.", peerfacts.One(func(p *peer) float64 {
			return time.Duration(p.facts.skew.Load()).Seconds()
		})),
		peerfacts.Counter(prefix+"dropped_messages_total", "Messages that were dropped before they were sent.", peerfacts.One(func(p *peer) float64 {
			return float64(p.facts.dropped.Load())
		})),
		peerfacts.Counter(prefix+"queued_bytes_total", "Bytes of messages accepted, by channel.", byChannel(func(p *peer, kind streamKind) float64 {
			return float64(p.facts.queued[kind.channelIndex()].Load())
		})),
		peerfacts.Gauge(prefix+"waiting_messages", "Messages that wait, by channel.", byChannel(func(p *peer, kind streamKind) float64 {
			return float64(p.waiting(kind))
		})),
	}
}
