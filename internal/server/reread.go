package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// reread takes the next part of the queue's rest from the log, if nothing else
// comes first. While the storage cannot be read it waits, as bringTo does, with
// nothing in flight: an answer must not wait for a disk. It returns without a
// part then: meanwhile the rest may have got another place in the log, or none.
func (d *driver) reread() error {
	r, now := d.s.queue.next()
	if r == nil {
		d.reading.over() // a rest that is gone need not be read
		return nil
	}
	n, st := d.s.attached()
	err := error(storageError{&Error{Err: ErrNotReady, Detail: "the storage plugin is starting"}})
	if st != nil {
		if err = d.rereadPart(st, r, now); err == nil {
			d.reading.over()
			d.reading.pause = 0
			return nil
		}
	}
	switch {
	case !isOfStorage(err):
		return err
	case errors.Is(err, storage.ErrCompacted) && d.skipApplied(r, now):
		d.s.queue.signal()
		return nil
	case errors.Is(err, storage.ErrCorrupt):
		return fmt.Errorf("%w: %w", ErrPermanent, err)
	}
	if err := d.settle(); err != nil {
		return err
	}
	err = d.reading.wait(n, err)
	d.s.queue.signal()
	return err
}

// skipApplied leaves out of the rest what is applied. A new generation has its log
// given out from the snapshot on that it found; one that was saved since then, of
// what the state machine had before, may have cost the log its head.
func (d *driver) skipApplied(r *rest, now rest) bool {
	applied, registry := d.s.progress.get()
	if applied < now.first {
		return false
	}
	d.s.queue.taken(r, &node.Apply{Last: applied, Registry: registry})
	return true
}

// rereadPart reads as much of the rest as one batch may hold. Its commands are
// what they were when raft put them out: those who wait for their results get
// them.
func (d *driver) rereadPart(st storage.Storage, r *rest, now rest) error {
	entries, err := d.readMeanwhile(st, now.first, now.last)
	if err != nil {
		return err
	}
	if e := &entries[len(entries)-1]; e.Index == now.last && now.term != 0 && e.Term != now.term {
		return storageError{fmt.Errorf("%w: entry %d has term %d, it was committed with term %d", storage.ErrCorrupt, e.Index, e.Term, now.term)}
	}
	before := now.before
	for len(entries) > 0 {
		part := entries[:min(node.UntilEnd(entries), plugins.MaxBatchEntries)]
		entries = entries[len(part):]
		a, err := node.Reread(before, part)
		if err != nil {
			return storageError{fmt.Errorf("%w: %w", storage.ErrCorrupt, err)}
		}
		d.backlog = append(d.backlog, []work{{apply: a}})
		d.s.queue.taken(r, &a)
		before = a.Registry
	}
	return nil
}

// readMeanwhile is readLog while the state machine is at work: its answers are
// given, and its end is noticed, however long the storage takes.
func (d *driver) readMeanwhile(st storage.Storage, first, last uint64) (_ []storage.Entry, err error) {
	ctx, cancel := d.s.untilEnded(d.ctx)
	defer cancel()
	type part struct {
		entries []storage.Entry
		err     error
	}
	done := make(chan part, 1)
	go func() {
		entries, err := d.s.readLog(ctx, st, first, last)
		done <- part{entries, err}
	}()
	answered := d.asked(fmt.Sprintf("read entries [%d,%d]", first, last), cancel)
	defer func() { err = answered(err) }()
	for {
		select {
		case p := <-done:
			return p.entries, p.err
		case out := <-d.outcomes:
			if err := d.finish(out); err != nil {
				return nil, err
			}
		case <-d.m.Done():
			return nil, d.ended()
		case <-d.s.queue.done:
			return nil, storageError{ErrStopping}
		}
	}
}

// readLog reads entries from first on, up to last, as many as fit one batch.
func (s *Server) readLog(ctx context.Context, st storage.Storage, first, last uint64) ([]storage.Entry, error) {
	entries, err := st.Read(ctx, first, last+1, s.cfg.Limits.BatchBytes())
	if err != nil {
		return nil, storageError{fmt.Errorf("read entries [%d,%d]: %w", first, last, err)}
	}
	if err := checkRun(entries, first, last); err != nil {
		return nil, storageError{err}
	}
	return entries, nil
}

// checkRun checks that entries are a run that begins at from.
func checkRun(entries []storage.Entry, from, to uint64) error {
	if len(entries) == 0 {
		return fmt.Errorf("read entries [%d,%d]: none: %w", from, to, storage.ErrUnavailable)
	}
	for i := range entries {
		if want := from + uint64(i); entries[i].Index != want || want > to {
			return fmt.Errorf("read entries [%d,%d]: entry %d stands where %d should: %w", from, to, entries[i].Index, want, storage.ErrCorrupt)
		}
	}
	return nil
}

// checkOrder refuses work that leaves entries out: the queue and the log have
// kept everything, so it can only be a mistake of this program, and what follows
// must not be given to a state machine with a gap.
func (d *driver) checkOrder(items []work) error {
	have, _ := d.s.progress.get()
	have = max(have, d.at)
	if n := len(d.inflight); n > 0 {
		given := d.inflight[n-1].items
		have = max(have, given[len(given)-1].last())
	}
	if first := items[0].apply.First; first > have+1 {
		return fmt.Errorf("%w: entries from %d on would be applied after %d", ErrPermanent, first, have)
	}
	return nil
}
