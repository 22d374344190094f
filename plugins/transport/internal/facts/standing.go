package facts

import (
	"sync"
	"sync/atomic"
	"time"
)

// A Standing is what all backends know of a peer. Any goroutine may use it.
type Standing struct {
	// Since is when the peer became active, in Unix nanoseconds; 0 while it is not.
	Since atomic.Int64
	// Skew is by how many nanoseconds the peer's clock is ahead.
	Skew atomic.Int64
	// Dropped counts messages that were dropped before they were sent.
	Dropped atomic.Uint64

	mu        sync.Mutex
	connected int
}

// Active notes that the peer became active, or is not any more.
func (s *Standing) Active(is bool) {
	if is {
		s.Since.Store(time.Now().UnixNano())
	} else {
		s.Since.Store(0)
	}
}

// Count adds to the connections with the peer. With the first one the peer becomes
// active, and without the last one it is not any more: tell is called with either, in order.
func (s *Standing) Count(delta int, tell func(active bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.connected > 0
	s.connected += delta
	if is := s.connected > 0; is != was {
		s.Active(is)
		tell(is)
	}
}

// Connected reports whether there is a connection with the peer.
func (s *Standing) Connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connected > 0
}

// Standings are the metrics of a peer's Standing, which the function of returns, and of its
// round trip. Each backend measures the round trip in its own way, and tripHelp describes it.
func Standings[P any](prefix, tripHelp string, trip func(P) time.Duration, of func(P) *Standing) []Family[P] {
	return []Family[P]{
		Gauge(prefix+"active_since_seconds", "When the peer became reachable, Unix time; 0 while it is not.", One(func(p P) float64 {
			return float64(of(p).Since.Load()) / float64(time.Second)
		})),
		Gauge(prefix+"round_trip_seconds", tripHelp, One(func(p P) float64 { return trip(p).Seconds() })),
		Gauge(prefix+"clock_ahead_seconds", "How far the peer's clock is ahead of this node's.", One(func(p P) float64 {
			return time.Duration(of(p).Skew.Load()).Seconds()
		})),
		Counter(prefix+"dropped_messages_total", "Messages that were dropped before they were sent.", One(func(p P) float64 {
			return float64(of(p).Dropped.Load())
		})),
	}
}
