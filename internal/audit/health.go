package audit

import (
	"slices"
	"time"
)

// fail notes that the disk fails, and says so, at once and then each minute.
// Requests that wait for their intents are refused.
func (w *writer) fail(err error) {
	now := time.Now()
	before := w.log.failure.Load()
	f := &Failure{Since: now, Err: err}
	if before != nil {
		f.Since = before.Since
	}
	w.log.failure.Store(f)
	w.retry = now.Add(retryAfter)
	if before == nil || now.Sub(w.said) >= sayAfter {
		w.said = now
		w.logger.Error("the audit cannot be written; trying again each second", "dir", w.log.opts.Dir, "since", f.Since,
			"on_full", string(w.log.opts.OnFull), "dropped", w.log.Dropped(), "error", err)
	}
	w.failIntents()
}

// failIntents ends the intents that wait. The records that are left are no more than
// there is room for.
func (w *writer) failIntents() {
	if !w.log.Refuses() {
		return
	}
	err := w.log.failure.Load().Err
	left := slices.Clone(w.pending)
	w.take()
	left = append(left, w.pending...)
	kept, bytes := left[:0], 0
	for i := range left {
		r, last := &left[i], len(kept)-1
		switch {
		case r.intent != nil:
			r.intent.settle(w.log, r.place, 0, err)
		case r.Op == opDropped && last >= 0 && kept[last].Op == opDropped:
			kept[last].count += r.count
			kept[last].spared += r.spared
		case r.of == 0 && (len(kept) >= queueRecords || bytes+r.memory() > queueBytes):
			w.log.forget(r)
		default:
			bytes += r.memory()
			kept = append(kept, left[i])
		}
	}
	clear(left[len(kept):])
	w.batch, w.pending = kept, kept
}

// recovered notes that the disk has taken everything.
func (w *writer) recovered() {
	f := w.log.failure.Load()
	if f == nil {
		return
	}
	w.log.failure.Store(nil)
	w.logger.Info("the audit is written again", "failed_for", time.Since(f.Since).Round(time.Millisecond).String(), "dropped", w.log.Dropped())
}

// tellHead tells the head of the chain to the host's log: at the start, at each
// rotation, once an hour and at the end. A chain that was cut, or written anew by
// a program that can write to its files, shows against a head that was kept
// elsewhere.
func (w *writer) tellHead() {
	if w.pos.Number == w.told || time.Since(w.toldAt) < headAfter {
		return
	}
	w.told, w.toldAt = w.pos.Number, time.Now()
	w.logger.Info("audit head", "head", w.pos.String(), "file", FileName(w.number))
}
