package pace

import (
	"io"
	"time"
)

// A Reader reads something that has an end, and fails if a step of it has not
// come within the timeout, however long the whole takes. So a body of n bytes is
// waited for n/Step+1 timeouts at most, though its sender trickles. The time between
// two reads does not count. It belongs to one goroutine.
type Reader struct {
	r       io.Reader
	set     func(time.Time) error
	timeout time.Duration
	left    time.Duration // of the timeout, for the rest of the step
	rest    int           // of the step
}

// NewReader returns a reader of r, whose reads fail at the time that set gets.
func NewReader(r io.Reader, set func(time.Time) error, timeout time.Duration) *Reader {
	return &Reader{r: r, set: set, timeout: timeout}
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if r.rest == 0 {
		r.left, r.rest = r.timeout, Step
	}
	began := time.Now()
	if err := r.set(began.Add(r.left)); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p[:min(len(p), r.rest)])
	r.left -= time.Since(began)
	r.rest -= n
	return n, err
}
