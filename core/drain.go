package core

import (
	"context"
	"time"
)

// drain waits for the requests in flight, for at most a second.
func (h *Host) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, min(h.cfg.Election, time.Second))
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	// An answer is counted in two places, one after the other: none waits only if
	// that is found twice.
	for found := 0; found < 2 && h.current() != nil; {
		if found++; h.awaited() > 0 {
			found = 0
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			if n := h.awaited(); n > 0 {
				h.logger.Warn("requests in flight are ended without an answer: what became of them is unknown", "requests", n)
			}
			return
		}
	}
}

// awaited is the number of requests that wait for an answer which a client may read.
func (h *Host) awaited() int { return h.server.Pending() - h.api.Abandoned() }
