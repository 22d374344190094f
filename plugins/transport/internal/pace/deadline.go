package pace

import (
	"io"
	"time"
)

// A Deadline moves an idle deadline forward. It does so only when an eighth
// of the timeout has passed since the last time, because moving one costs
// more than a small frame does. It belongs to one goroutine.
type Deadline struct {
	// Set is called with the time at which reading, or writing, fails.
	Set func(time.Time) error
	// Timeout is the time from Extend to then, less at most an eighth; 0 means never.
	Timeout time.Duration

	last time.Time
}

// Extend moves the deadline.
func (d *Deadline) Extend() error {
	now := time.Now()
	if d.Timeout <= 0 || now.Sub(d.last) < d.Timeout/8 {
		return nil
	}
	d.last = now
	return d.Set(now.Add(d.Timeout))
}

// A Timed reader fails if nothing arrives for the timeout of its deadline; 0 means never.
type Timed struct {
	R io.Reader
	Deadline
}

// Read implements io.Reader.
func (t *Timed) Read(p []byte) (int, error) {
	if err := t.Extend(); err != nil {
		return 0, err
	}
	return t.R.Read(p)
}
