package audit

import (
	"io"
	"log/slog"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

const (
	// writeBytes is where a write ends that has more to write.
	writeBytes = 256 << 10
	// syncAfter is SyncInterval's interval.
	syncAfter = time.Second
	// keptRecords is how long a slice for records may be that is kept for more.
	keptRecords = 4 << 10
	// retryAfter is the pause between tries while the disk fails, sayAfter that
	// between lines of the host's log about it, and headAfter that between those
	// that tell the head of the chain.
	retryAfter = time.Second
	sayAfter   = time.Minute
	headAfter  = time.Hour
)

// A writer is the goroutine of a Log, with all that it alone uses.
type writer struct {
	log    *Log
	logger *slog.Logger
	fs     vfs.FS
	lock   io.Closer
	key    Key
	enc    encoder

	file    vfs.File // nil while there is none to append to
	number  uint64   // of the file
	end     int64    // where the next line goes
	records int      // lines in the file
	// pos is the last record that was written; all up to durable are durable, and
	// dirty is since when there are others.
	pos     Position
	durable uint64
	dirty   time.Time

	// pending are taken and not written yet. They are what is left of batch; spare
	// is a slice for the next one.
	pending, batch, spare []Record
	buf                   []byte
	// renew: the next line goes to a new file, whatever is in the last one.
	renew bool

	retry, said time.Time // while the disk fails
	told        uint64    // the head that the host's log has
	toldAt      time.Time
}

// begin prepares the goroutine.
func (w *writer) begin() {
	o := w.log.opts
	w.logger = o.Logger
	w.enc = encoder{member: o.Member, name: o.Name, sums: newSummer(w.key)}
	w.pending = append(w.pending, Record{Op: opStart, time: time.Now(), text: o.Version})
	w.step()
}

// run writes until the log is closed.
func (w *writer) run() {
	defer close(w.log.done)
	due := time.NewTimer(0)
	defer due.Stop()
	for {
		select {
		case <-w.log.queue.wake:
		case <-due.C:
		case <-w.log.quit:
			w.finish()
			return
		}
		w.step()
		due.Reset(w.pause())
	}
}

// pause is for how long there is nothing to do unless a record comes.
func (w *writer) pause() time.Duration {
	switch {
	case w.log.failure.Load() != nil:
		return retryAfter
	case !w.dirty.IsZero() && w.log.opts.Sync == SyncInterval:
		return max(0, syncAfter-time.Since(w.dirty))
	}
	return headAfter
}

// step writes what waits.
func (w *writer) step() {
	now := time.Now()
	w.log.busy.Store(&now)
	defer w.log.busy.Store(nil)
	if w.log.failure.Load() != nil && now.Before(w.retry) {
		w.failIntents()
		return
	}
	if err := w.write(); err != nil {
		w.fail(err)
		return
	}
	w.recovered()
	w.tellHead()
}

// write writes all that waits, and makes it durable if it is time.
func (w *writer) write() error {
	if w.fs == nil {
		if err := w.openDir(); err != nil {
			return err
		}
	}
	for {
		if w.file == nil {
			if err := w.openLast(); err != nil {
				return err
			}
		}
		if len(w.pending) == 0 {
			w.take()
		}
		if len(w.pending) == 0 {
			return w.syncIfDue()
		}
		if err := w.append(); err != nil {
			return err
		}
		if err := w.syncIfDue(); err != nil {
			return err
		}
	}
}

// take gets what waits in the queue, with a record of what was dropped there.
func (w *writer) take() {
	items, lost, spared := w.log.queue.take(w.spare)
	if w.spare = w.batch[:0]; cap(w.spare) > keptRecords {
		w.spare = nil
	}
	if lost > 0 {
		items = append(items, Record{Op: opDropped, time: time.Now(), count: lost, spared: spared})
	}
	w.batch, w.pending = items, items
}

// finish ends the chain for now.
func (w *writer) finish() {
	err := w.write()
	w.pending = append(w.pending, Record{Op: opStop, time: time.Now()})
	if err == nil {
		err = w.write()
	}
	if err == nil {
		err = w.sync()
	}
	if err != nil {
		w.fail(err)
		w.logger.Error("the audit ends without its last records", "records", len(w.pending), "error", err)
	} else {
		w.toldAt = time.Time{}
		w.tellHead()
	}
	w.abandon()
	if w.lock != nil {
		_ = w.lock.Close()
	}
	if w.fs != nil && w.log.opts.FS == nil {
		_ = w.fs.Close()
	}
}
