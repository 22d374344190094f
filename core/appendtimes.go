package core

import (
	"time"

	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// answered is how long an acknowledgement took that came now, for a batch that was sent at a
// time. The storage makes one group of batches durable after the other, so what came before the
// last acknowledgement was not this one's time. Callers hold mu.
func (p *appendPump) answered(sent, now time.Time) time.Duration {
	if p.before.After(sent) {
		sent = p.before
	}
	return now.Sub(sent)
}

// observe notes what an acknowledgement took, which timed has received; nil if the storage
// does not say its part.
func (p *appendPump) observe(timed storage.Timed, total time.Duration) {
	var took time.Duration
	if timed != nil {
		took = timed.Took()
	}
	p.g.h.server.Timings().Appended(total, took)
	p.tellSlow(total, time.Now())
}

// Slow syncs are an event from slowSync on, and one event in slowSyncPause with their count.
const (
	slowSync      = 500 * time.Millisecond
	slowSyncPause = 30 * time.Second
)

// tellSlow tells of an append that took long to be durable.
func (p *appendPump) tellSlow(took time.Duration, now time.Time) {
	if took < slowSync {
		return
	}
	if times, due := p.slow.Note(now, slowSyncPause); due {
		p.g.h.logger.Warn("the storage took long to make an append durable", "event", events.Sync, "took", took.Round(time.Millisecond), "times_since_last_event", times)
	}
}

// unfinished are the batches that the storage has and has not acknowledged: the age of the
// oldest, and the bytes of all their entries.
func (p *appendPump) unfinished() (oldest time.Duration, bytes uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.sent) == 0 {
		return 0, 0
	}
	return time.Since(p.sent[0].at), p.bytes
}

// unfinishedAppends is what the storage is at, for a metric.
func (h *Host) unfinishedAppends() (oldest time.Duration, bytes uint64) {
	g := h.current()
	if g == nil {
		return 0, 0
	}
	return g.pump.unfinished()
}
