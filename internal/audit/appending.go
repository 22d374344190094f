package audit

import "time"

// append writes as much of what is pending as one write and the file may have.
func (w *writer) append() error {
	pos, b, n, full := w.pos, w.buf[:0], 0, false
	for n < len(w.pending) && len(b) < writeBytes {
		before, length := pos, len(b)
		b = w.enc.line(b, &w.pending[n], &pos, w.durable)
		if w.end+int64(len(b)) > w.log.opts.MaxFileBytes && w.records+n > 1 {
			pos, b, full = before, b[:length], true
			break
		}
		n++
	}
	w.buf = b[:0]
	var err error
	if n > 0 {
		err = w.put(b, n, pos)
	}
	if err == nil && full {
		err = w.rotate()
	}
	return err
}

// put writes n lines, the last of which is at pos.
func (w *writer) put(b []byte, n int, pos Position) error {
	if _, err := w.file.WriteAt(b, w.end); err != nil {
		w.undo()
		return err
	}
	first := w.pos.Number + 1
	w.end += int64(len(b))
	w.records += n
	w.pos = pos
	w.log.head.Store(&pos)
	if w.dirty.IsZero() {
		w.dirty = time.Now()
	}
	var err error
	if w.log.opts.Sync == SyncEach {
		err = w.sync()
	}
	written := w.pending[:n]
	w.pending = w.pending[n:]
	for i := range written {
		if r := &written[i]; r.intent != nil {
			r.intent.settle(w.log, r.place, first+uint64(i), err)
		}
	}
	clear(written)
	return err
}

// undo takes back a write that failed half-way, before others come to its place: a crash
// could leave bytes of both there. If that fails too, what is in the file is looked at
// again.
func (w *writer) undo() {
	if err := w.file.Truncate(w.end); err != nil {
		w.abandon()
		return
	}
	if err := w.file.Sync(); err != nil {
		w.abandon()
		w.renew = true
	}
}

// abandon gives the file up: the next write begins with what is on the disk.
func (w *writer) abandon() {
	if w.file != nil {
		_ = w.file.Close()
		w.file = nil
	}
}

// sync makes all that was written durable. After an error nothing is known of it:
// a new file goes on.
func (w *writer) sync() error {
	if w.dirty.IsZero() {
		return nil
	}
	if err := w.file.Sync(); err != nil {
		w.abandon()
		w.renew = true
		return err
	}
	w.durable, w.dirty = w.pos.Number, time.Time{}
	return nil
}

func (w *writer) syncIfDue() error {
	if w.log.opts.Sync != SyncInterval || w.dirty.IsZero() || time.Since(w.dirty) < syncAfter {
		return nil
	}
	return w.sync()
}
