package transportrpc

import (
	"log/slog"
	"time"
)

// lossPause is for how long the log says nothing of losses after it has said so.
const lossPause = 10 * time.Second

// losses tell the log how much did not fit the queue to the host. They belong to
// the goroutine that sends to it: the backend's never wait for the log.
type losses struct {
	logger *slog.Logger
	told   uint64
	at     time.Time
}

// tell logs what was lost since the last time, if that is long enough ago.
func (l *losses) tell(lost uint64, now time.Time) {
	if lost == l.told || !l.at.IsZero() && now.Sub(l.at) < lossPause {
		return
	}
	l.logger.Warn("the host takes messages too slowly: some from peers, or events, were dropped", "count", lost-l.told, "since_start", lost)
	l.told, l.at = lost, now
}
