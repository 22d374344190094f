package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
)

// saveState writes the state machine's bytes of a snapshot to w. If snapshots are
// rehearsed, a second state machine is restored from the same bytes at the same
// time, and an error of that is one of the snapshot: it is not stored, and the
// log stays.
func (p *snapshotter) saveState(ctx context.Context, job snapshotJob, w io.Writer) error {
	if p.s.cfg.Rehearse == nil {
		to := &writeErrors{w: w}
		return errors.Join(job.snapshot.Save(ctx, to), to.err)
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
	to := &writeErrors{w: io.MultiWriter(w, pipe)}
	err := errors.Join(job.snapshot.Save(ctx, to), to.err)
	pipe.CloseWithError(err) // io.EOF if there is none
	if failed := <-rehearsed; failed != nil && (err == nil || errors.Is(err, failed)) {
		return fmt.Errorf("a second state machine cannot be restored from it: %w", failed)
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
