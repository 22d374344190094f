package pace

import (
	"errors"
	"io"
	"math"
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
	most        int // bytes of one write to the stream
	interrupted atomic.Bool
}

// NewWriter returns a writer to s; a timeout of 0 means that nothing is ever
// given up.
func NewWriter(s Stream, timeout time.Duration) *Writer {
	return &Writer{stream: s, deadline: Deadline{Set: s.SetWriteDeadline, Timeout: timeout}, most: Step}
}

// NewWholeWriter returns a writer that hands all of what is written on at once, and
// what is left of it after a timeout in which a step went. A stream that stands still
// after a step is noticed up to one timeout later. The stream must say exactly how much it
// took before its deadline, and take more after it: TCP does so, TLS does not. Each
// write is a call of the system and wakes the reader, which costs a leader with large
// batches more than the bytes do (ADR 0045).
func NewWholeWriter(s Stream, timeout time.Duration) *Writer {
	w := NewWriter(s, timeout)
	w.most = math.MaxInt
	return w
}

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		if err := w.extend(); err != nil {
			return written, err
		}
		n, err := w.stream.Write(p[written:][:min(w.most, len(p)-written)])
		written += n
		if moved := n >= Step && written < len(p); err != nil && !(moved && errors.Is(err, os.ErrDeadlineExceeded)) {
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
