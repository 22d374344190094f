package logsink

import (
	"context"
	"log/slog"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
)

// A Relay stands between loggers and a slog.Handler that may wait, as a Sink stands
// before a writer: records are taken without waiting and handed on by one goroutine,
// which is there while there is something to hand on. A record that comes while
// MaxRecords or MaxBytes wait is dropped and counted. The values of a record must
// not be changed after it was logged. Its methods may be called concurrently.
type Relay struct {
	handler slog.Handler

	backlog[relayed]
	// idle is closed while no record waits and none is being handed on.
	idle chan struct{}
}

// relayed is one record for the handler that it was logged with.
type relayed struct {
	ctx     context.Context
	handler slog.Handler
	record  slog.Record
}

// NewRelay returns a Relay to h.
func NewRelay(h slog.Handler) *Relay {
	r := &Relay{handler: h, idle: make(chan struct{})}
	close(r.idle)
	return r
}

// Handler is what to log with. It asks the relay's own handler at once whether
// that wants a level, and hands it records later.
func (r *Relay) Handler() slog.Handler { return relayHandler{r, r.handler} }

// Flush waits until everything is handled, but not longer than patience. It
// reports whether everything was.
func (r *Relay) Flush(patience time.Duration) bool {
	r.mu.Lock()
	idle := r.idle
	r.mu.Unlock()
	return pause.Over(idle) || pause.Until(idle, patience)
}

// take takes a record, or drops it.
func (r *Relay) take(q relayed) {
	size := recordSize(q.record)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.hasRoom(size) {
		r.drop()
		return
	}
	r.put(q, size)
	select {
	case <-r.idle:
		r.idle = make(chan struct{})
		go r.run()
	default:
	}
}

// run hands records on until none is left.
func (r *Relay) run() {
	for {
		q, ok := r.head()
		if !ok {
			return
		}
		_ = q.handler.Handle(q.ctx, q.record) // a logger does not hear of errors either
		r.mu.Lock()
		r.pop()
		r.mu.Unlock()
	}
}

// head is the oldest record, which stays in the queue: it counts, and its age
// shows. Behind the last one comes a report of what was dropped.
func (r *Relay) head() (relayed, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 && r.lost > 0 {
		notice := slog.NewRecord(time.Now(), slog.LevelWarn, lostMessage, 0)
		notice.AddAttrs(slog.Uint64("lines", r.lost), slog.Time("since", r.lostSince))
		r.lost = 0
		r.put(relayed{context.Background(), r.handler, notice}, 0)
	}
	if len(r.queue) == 0 {
		close(r.idle)
		return relayed{}, false
	}
	return r.queue[0].record, true
}

// relayHandler logs through a relay.
type relayHandler struct {
	relay *Relay
	to    slog.Handler
}

// Enabled implements slog.Handler.
func (h relayHandler) Enabled(ctx context.Context, l slog.Level) bool { return h.to.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (h relayHandler) Handle(ctx context.Context, record slog.Record) error {
	h.relay.take(relayed{context.WithoutCancel(ctx), h.to, record.Clone()})
	return nil
}

// WithAttrs implements slog.Handler.
func (h relayHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return relayHandler{h.relay, h.to.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h relayHandler) WithGroup(name string) slog.Handler {
	return relayHandler{h.relay, h.to.WithGroup(name)}
}
