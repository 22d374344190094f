package logsink

import (
	"io"
	"log/slog"
	"sync"
	"time"
)

// The most that a Sink holds for a reader that does not read. What comes
// beyond either is dropped.
const (
	MaxBytes   = 1 << 20
	MaxRecords = 8192
)

// recordOverhead is what a record costs besides its bytes.
const recordOverhead = 64

// A Sink is an io.Writer that never waits for the writer behind it. Its methods
// may be called concurrently.
type Sink struct {
	out  io.Writer
	wake chan struct{}
	done chan struct{} // closed when run has returned

	mu sync.Mutex
	// queue holds what is not written yet, the oldest first; its head may be
	// with the writer. bytes is its size.
	queue []record
	bytes int
	// taken counts what was queued since the start, dropped what was not; lost
	// counts what was dropped since the last report: from lostSince on, after
	// lostAfter had been queued.
	taken, dropped, lost, lostAfter uint64
	lostSince                       time.Time
	// notices gets the reports of what was dropped; nil before Handler.
	notices slog.Handler
	closed  bool
}

// A record is one line with its number, from 1 on, and its time.
type record struct {
	line   []byte
	number uint64
	at     time.Time
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
	if s.closed || len(s.queue) >= MaxRecords || s.bytes+size > MaxBytes {
		s.drop()
		return len(p), nil
	}
	s.taken++
	s.queue = append(s.queue, record{line: append([]byte(nil), p...), number: s.taken, at: time.Now()})
	s.bytes += size
	s.signal()
	return len(p), nil
}

// drop counts a record that is lost. It needs s.mu.
func (s *Sink) drop() {
	if s.lost == 0 {
		s.lostSince, s.lostAfter = time.Now(), s.taken
	}
	s.lost++
	s.dropped++
}

func (s *Sink) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Dropped counts the records that were dropped since the start.
func (s *Sink) Dropped() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}

// Stuck is the age of the oldest record that is not written yet; 0 if all are.
// More than a moment means that nobody reads the log.
func (s *Sink) Stuck() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return 0
	}
	return time.Since(s.queue[0].at)
}

// Close takes nothing more and waits until everything is written, but not
// longer than patience. It reports whether everything was. A goroutine that is
// stuck in a write stays behind; it ends with the process. Closing twice is
// harmless.
func (s *Sink) Close(patience time.Duration) bool {
	s.mu.Lock()
	s.closed = true
	s.signal()
	s.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-s.done:
		return true
	case <-timer.C:
		return false
	}
}
