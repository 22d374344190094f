// Package complaints logs what goes wrong with peers again and again: a line for
// each peer and matter in a while, with how many were left out, and one when it is
// over.
package complaints

import (
	"log/slog"
	"strconv"
	"sync"
	"time"
)

const (
	// quiet is how long nothing is said of the same peer and matter again.
	quiet = time.Minute
	// most bounds what is remembered. Beyond that others have to be quiet first:
	// senders under ever new names fill neither memory nor log.
	most = 256
)

// A Log has the lines. All methods may be called at any time by anyone.
type Log struct {
	logger *slog.Logger

	mu  sync.Mutex
	all map[matter]*complaint
}

type matter struct {
	peer uint64
	what string
}

type complaint struct {
	since, said time.Time
	silent      int // since the last line
}

// New returns a log without complaints.
func New(logger *slog.Logger) *Log { return &Log{logger: logger, all: map[matter]*complaint{}} }

// Failed notes that something of a peer went wrong.
func (l *Log) Failed(peer uint64, what string, err error) {
	if silent, due := l.note(matter{peer, what}, time.Now()); due {
		l.logger.Warn(what, "from", strconv.FormatUint(peer, 16), "error", err, "more_since_last_line", silent)
	}
}

// Succeeded notes that it went well, which ends the complaint.
func (l *Log) Succeeded(peer uint64, what string) {
	m := matter{peer, what}
	l.mu.Lock()
	c := l.all[m]
	delete(l.all, m)
	l.mu.Unlock()
	if c != nil {
		l.logger.Info("over: "+what, "from", strconv.FormatUint(peer, 16), "after", time.Since(c.since).Round(time.Millisecond),
			"more_since_last_line", c.silent)
	}
}

func (l *Log) note(m matter, now time.Time) (silent int, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.all[m]
	if c == nil {
		if !l.room(now) {
			return 0, false
		}
		l.all[m] = &complaint{since: now, said: now}
		return 0, true
	}
	if now.Sub(c.said) < quiet {
		c.silent++
		return 0, false
	}
	silent, c.silent, c.said = c.silent, 0, now
	return silent, true
}

// room forgets what was not said for a while, if it must. It needs l.mu.
func (l *Log) room(now time.Time) bool {
	if len(l.all) < most {
		return true
	}
	for m, c := range l.all {
		if now.Sub(c.said) >= quiet {
			delete(l.all, m)
		}
	}
	return len(l.all) < most
}
