package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins"
)

// errNotRestored: a rehearsal has failed.
var errNotRestored = errors.New("a second state machine cannot be restored from it")

// rehearses tells whether the next snapshot has to be restored for trial. After
// one that could not be restored it has to: it takes the place of the older one, to
// which this member owes its state.
func (p *snapshotter) rehearses() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.s.cfg.Rehearse != nil && (p.s.cfg.RehearseAll || p.doubtful)
}

// doubt tells that a state machine could not be restored from a snapshot of its
// own.
func (p *snapshotter) doubt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doubtful, p.doubted = true, p.last
}

// saveState writes the state machine's bytes of a snapshot to w. If it is
// rehearsed, a second state machine is restored from the same bytes at the same
// time, and an error of that is one of the snapshot: it is not stored, and the
// log stays.
func (p *snapshotter) saveState(ctx context.Context, job snapshotJob, w io.Writer) error {
	if !job.rehearse {
		return saveTo(ctx, job, w)
	}
	r, pipe := io.Pipe()
	rehearsed := make(chan error, 1)
	go func() {
		err := p.s.cfg.Rehearse(ctx, job.apply.Last, r)
		if err == nil {
			_, err = io.Copy(io.Discard, r) // it may not care to read to the end
		}
		r.CloseWithError(cmp.Or(err, io.ErrClosedPipe))
		rehearsed <- err
	}()
	err := saveTo(ctx, job, io.MultiWriter(w, pipe))
	pipe.CloseWithError(err) // io.EOF if there is none
	if failed := <-rehearsed; failed != nil && (err == nil || errors.Is(err, failed)) {
		return fmt.Errorf("%w: %w", errNotRestored, failed)
	}
	return err
}

// saveTo writes the state machine's bytes of a snapshot to w. It is errEndedAsked if that ends
// the state machine, whose connection may break before its end is known.
func saveTo(ctx context.Context, job snapshotJob, w io.Writer) error {
	to := &writeErrors{w: w}
	err := job.snapshot.Save(ctx, to)
	if to.err != nil {
		return errors.Join(err, to.err)
	}
	if err != nil && (errors.Is(err, plugins.ErrGone) || pause.Over(job.machine.Done())) {
		return fmt.Errorf("%w: %w", errEndedAsked, err)
	}
	return err
}

// writeErrors remembers why writing failed: a state machine that ignores it has
// not saved its state.
type writeErrors struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (w *writeErrors) Write(b []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.w.Write(b)
	w.err = err
	return n, err
}
