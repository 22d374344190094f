package catalog

import (
	"sync"
	"time"
)

// The most that one plugin process may log in a window.
const (
	rateWindow = time.Second
	rateLines  = 1000
	rateBytes  = 1 << 20
)

// lineRate bounds what reaches the log: so many lines and bytes in a window.
// Dropped lines are reported once, when the window ends.
type lineRate struct {
	report func(lines, size int)

	mu                  sync.Mutex
	since               time.Time
	lines, size         int
	dropped, droppedLen int
	timer               *time.Timer
}

func newLineRate(report func(lines, size int)) *lineRate { return &lineRate{report: report} }

// allow reports whether a line of the given size may be logged.
func (r *lineRate) allow(size int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.since) >= rateWindow {
		r.since, r.lines, r.size = now, 0, 0
	}
	if r.lines < rateLines && r.size+size <= rateBytes {
		r.lines++
		r.size += size
		return true
	}
	r.dropped++
	r.droppedLen += size
	if r.timer == nil {
		r.timer = time.AfterFunc(time.Until(r.since.Add(rateWindow)), r.flush)
	}
	return false
}

// flush reports what was dropped since the last report.
func (r *lineRate) flush() {
	r.mu.Lock()
	lines, size := r.dropped, r.droppedLen
	r.dropped, r.droppedLen, r.timer = 0, 0, nil
	r.mu.Unlock()
	if lines > 0 {
		r.report(lines, size)
	}
}

// close reports the rest. Nothing is allowed or reported afterwards unless
// allow is called again.
func (r *lineRate) close() {
	r.mu.Lock()
	if r.timer != nil {
		r.timer.Stop()
	}
	r.mu.Unlock()
	r.flush()
}
