// Package complaints logs what goes wrong with peers again and again: a line for
// each peer and matter in a while, with how many were left out, and one when it is
// over.
package complaints

import (
	"log/slog"
	"strconv"
	"time"

	"github.com/pontoon-raft/pontoon/internal/repeats"
)

const (
	// The log says nothing of the same peer and matter again for Quiet. A complaint that
	// may come back at any time is over when it has not come back for as long.
	Quiet = time.Minute
	// most bounds what is remembered. Beyond that others have to be quiet first:
	// senders under ever new names fill neither memory nor log.
	most = 256
)

// A Log has the lines. All methods may be called at any time by anyone.
type Log struct {
	logger *slog.Logger
	book   *repeats.Book[matter]
}

type matter struct {
	peer uint64
	what string
}

// New returns a log without complaints.
func New(logger *slog.Logger) *Log {
	return &Log{logger: logger, book: repeats.New[matter](repeats.Rule{Pause: Quiet, Most: most, Forgets: true})}
}

// Failed notes that something of a peer went wrong.
func (l *Log) Failed(peer uint64, what string, err error) {
	if silent, due := l.book.Note(matter{peer, what}, time.Now()); due {
		l.logger.Warn(what, "from", strconv.FormatUint(peer, 16), "error", err, "more_since_last_line", silent)
	}
}

// Succeeded notes that it went well, which ends the complaint.
func (l *Log) Succeeded(peer uint64, what string) {
	if e, known := l.book.End(matter{peer, what}); known {
		l.over(peer, what, e, time.Since(e.Since))
	}
}

// Settle ends a complaint of which there was nothing more for Quiet. It is for what
// does not end with one success.
func (l *Log) Settle(peer uint64, what string) {
	if e, settled := l.book.Settle(matter{peer, what}, time.Now()); settled {
		l.over(peer, what, e, e.Last.Sub(e.Since))
	}
}

func (l *Log) over(peer uint64, what string, e repeats.Entry, after time.Duration) {
	l.logger.Info("over: "+what, "from", strconv.FormatUint(peer, 16), "after", after.Round(time.Millisecond),
		"more_since_last_line", e.Silent)
}
