package quictransport

import (
	"crypto/tls"
	"log/slog"
	"sync"
	"sync/atomic"
)

// refusals counts callers whose certificates were refused, and says so. What
// was said last is not said again: one wrong node calls ten times a second.
type refusals struct {
	logger *slog.Logger
	count  atomic.Uint64

	mu   sync.Mutex
	said string
}

// watching returns verify, and notes what it refuses.
func (r *refusals) watching(verify func(tls.ConnectionState) error) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		err := verify(s)
		if err != nil {
			r.note(err)
		}
		return err
	}
}

func (r *refusals) note(err error) {
	r.count.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.said != err.Error() {
		r.said = err.Error()
		r.logger.Warn("a caller's certificate was refused", "error", err)
	}
}
