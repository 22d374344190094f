package logsink

import (
	"io"
	"log/slog"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/internal/wake"
)

// The most that a Sink holds for a reader that does not read. Lines beyond
// either are dropped.
const (
	MaxBytes   = 1 << 20
	MaxRecords = 8192
)

// recordOverhead is what a record costs besides its bytes.
const recordOverhead = 64

// A Sink is an io.Writer that never waits for its own writer. Its methods may
// be called concurrently.
type Sink struct {
	out  io.Writer
	wake chan struct{}
	done chan struct{} // closed when run has returned

	backlog[[]byte] // lines
	// notices gets the reports of what was dropped; nil before Handler.
	notices slog.Handler
	closed  bool
}

// New returns a Sink that writes to out from a goroutine of its own, which
// Close ends.
func New(out io.Writer) *Sink {
	s := &Sink{out: out, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go s.run()
	return s
}

// Handler returns the slog handler that build makes of a writer: one that
// writes to the sink. The sink reports in the same form what it had to drop.
func (s *Sink) Handler(build func(io.Writer) slog.Handler) slog.Handler {
	s.mu.Lock()
	s.notices = build(directWriter{s})
	s.mu.Unlock()
	return build(s)
}

// Write implements io.Writer: it takes one record, or drops it. It never waits
// and never fails; nothing of p is kept.
func (s *Sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := len(p) + recordOverhead
	if s.closed || !s.hasRoom(size) {
		s.drop()
		return len(p), nil
	}
	s.put(append([]byte(nil), p...), size)
	wake.Up(s.wake)
	return len(p), nil
}

// Close takes nothing more and waits until everything is written, but not
// longer than patience. It reports whether everything was. A goroutine that is
// stuck in a write stays behind; it ends with the process. Closing twice is
// harmless.
func (s *Sink) Close(patience time.Duration) bool {
	s.mu.Lock()
	s.closed = true
	wake.Up(s.wake)
	s.mu.Unlock()
	return pause.Until(s.done, patience)
}
