package pace

import (
	"io"
	"os"
	"sync/atomic"
	"time"
)

// A Stream is what a Writer needs of a connection.
type Stream interface {
	Write([]byte) (int, error)
	SetWriteDeadline(time.Time) error
}

// A Writer fails if a step of what is written is stuck for the timeout, however
// long the whole takes. So a write of n bytes lasts n/Step+1 timeouts at most,
// whatever the other end does. Write belongs to one goroutine.
type Writer struct {
	stream      Stream
	deadline    Deadline
	interrupted atomic.Bool
}

// NewWriter returns a writer to s; a timeout of 0 means that nothing is ever
// given up.
func NewWriter(s Stream, timeout time.Duration) *Writer {
	return &Writer{stream: s, deadline: Deadline{Set: s.SetWriteDeadline, Timeout: timeout}}
}

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		if err := w.extend(); err != nil {
			return written, err
		}
		n, err := w.stream.Write(p[written:min(written+Step, len(p))])
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// extend moves the deadline. The order matters: an Interrupt after the check
// sets a deadline of its own after this one.
func (w *Writer) extend() error {
	if w.deadline.Timeout > 0 {
		if err := w.deadline.Extend(); err != nil {
			return err
		}
	}
	if w.interrupted.Load() {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// Interrupt makes a write that is stuck fail at once, and all later ones. It
// may be called at any time by anyone.
func (w *Writer) Interrupt() {
	w.interrupted.Store(true)
	_ = w.deadline.Set(time.Unix(1, 0))
}

var _ io.Writer = (*Writer)(nil)
