package server

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// restoreMachine replaces the state machine's state by the snapshot at index.
// After an error that is not the storage's, the state is undefined. A snapshot
// that turned out to be of no use is remembered, so that an older one is taken.
func (d *driver) restoreMachine(ctx context.Context, st storage.Storage, index uint64) error {
	err := d.tryRestore(ctx, st, index)
	if err == nil {
		delete(d.s.restores, index)
	}
	if err == nil || ctx.Err() != nil || errors.Is(err, ErrPermanent) {
		return err
	}
	s, useless := d.s, isDamage(err) || errors.Is(err, statemachine.ErrBadSnapshot)
	if errors.Is(err, errRestoreFailed) {
		s.restores[index]++
		useless = useless || s.restores[index] >= restoreTries
	}
	if useless {
		s.useless[index] = true
		if !isDamage(err) { // then the next one may be no better
			s.snapshots.doubt()
		}
		s.pleas.refused = s.pleas.refused || index == s.pleas.last && !isDamage(err)
		s.logger.Error("a snapshot is of no use; the one before it and the log are tried next", "event", events.Snapshot, "index", index, "error", err)
	}
	return err
}

// restoreTries is how often a snapshot is tried that state machines fail over
// without calling it bad: they may have had another reason. If nothing else is left
// it is tried on.
const restoreTries = 3

// tryOn gives those snapshots another chance that state machines have failed over
// without calling them bad; false if there are none. How often a state machine is
// started for that is for its source to say.
func (s *Server) tryOn() (some bool) {
	for index, n := range s.restores {
		if n >= restoreTries {
			some = true
			delete(s.useless, index)
		}
	}
	clear(s.restores)
	return some
}

// errRestoreFailed: a state machine could not be restored, and reading the
// snapshot was not what failed.
var errRestoreFailed = errors.New("the state machine failed over it")

// errReplaced: the snapshot was replaced while a state machine read it, which has a part of
// the old one. It is of use to the next.
var errReplaced = errors.New("it has been replaced by another one of its index meanwhile")

// isDamage tells whether err says that a snapshot is of no use, now and later.
func isDamage(err error) bool {
	return errors.Is(err, storage.ErrCorrupt) || errors.Is(err, storage.ErrNoSnapshot)
}

func (d *driver) tryRestore(ctx context.Context, st storage.Storage, index uint64) error {
	s, m := d.s, d.m
	r, err := d.openSnapshot(ctx, st, index)
	if err != nil {
		return storageError{fmt.Errorf("open snapshot %d: %w", index, err)}
	}
	source := &snapshotSource{d: d, ctx: ctx, index: index, r: r, size: r.Info().Bytes, sum: r.Info().Sha256}
	defer source.close()
	metadata := r.Info().Metadata
	header, err := ReadSnapshotHeader(source)
	if err != nil {
		if source.err == nil {
			err = fmt.Errorf("%w: %w", storage.ErrCorrupt, err)
		}
		return storageError{fmt.Errorf("snapshot %d: %w", index, err)}
	}
	if err := header.check(s.cfg.ClusterID, metadata, m.Describe()); err != nil {
		return fmt.Errorf("%w: snapshot %d: %w", ErrPermanent, index, err)
	}
	if err := s.CheckFormat(header); err != nil {
		return fmt.Errorf("snapshot %d: %w", index, err)
	}
	if v := header.Registry.CommandVersion(); v > d.commands.Greatest {
		return d.otherVersion("snapshot %d is of command version %d", index, v)
	}
	s.logger.Info("restoring the state machine from a snapshot", "index", index, "bytes", source.size)
	s.durability.restoring(index)
	begun := time.Now()
	watched, end := s.beginRestore(index, source.size)
	err = m.Restore(ctx, index, watchedSource{source, watched})
	end()
	s.metrics.timings.restore.Observe(time.Since(begun).Seconds())
	if err != nil {
		// A read that failed is the cause, whatever error the state machine
		// made of it.
		return fmt.Errorf("restore snapshot %d: %w: %w", index, cmp.Or(source.err, errRestoreFailed), err)
	}
	// A state machine may stop reading before the end; the checksum must have
	// been seen all the same.
	if _, err := io.Copy(io.Discard, source); err != nil {
		return fmt.Errorf("restore snapshot %d: %w", index, err)
	}
	if source.err != nil {
		return fmt.Errorf("restore snapshot %d: %w", index, source.err)
	}
	s.given = max(s.given, index)
	s.durability.said(statemachine.DurableIndex(m))
	d.time, d.version, d.timed = header.Time, header.Registry.CommandVersion(), true
	s.advance(index, header.Registry)
	s.restored(index)
	return nil
}

// watchedSource is what a state machine reads a snapshot from, under the eyes of the
// watchdog.
type watchedSource struct {
	s *snapshotSource
	r *restoring
}

// Read implements io.Reader.
func (w watchedSource) Read(b []byte) (n int, err error) {
	w.r.ask()
	defer func() { w.r.given(n) }()
	return w.s.Read(b)
}

// snapshotSource is a stored snapshot as a state machine reads it. A state
// machine whose Restore failed has to be started anew, so a storage that cannot
// be read for a while is kept from it: the source waits, opens the snapshot
// again, and goes on where it was.
type snapshotSource struct {
	d     *driver
	ctx   context.Context
	index uint64
	r     storage.SnapshotReader // nil while it has to be opened again
	size  uint64
	sum   []byte // empty of a storage that says none
	at    int64  // bytes that were read
	err   error  // why reading failed for good
}

// Read implements io.Reader.
func (s *snapshotSource) Read(b []byte) (int, error) {
	for p := (patience{d: s.d}); s.err == nil; {
		n, _ := s.d.s.attached()
		read, err := s.tryRead(b)
		s.at += int64(read)
		if read > 0 || err == nil || errors.Is(err, io.EOF) {
			p.over()
			if read > 0 {
				err = nil // what follows says it again
			}
			return read, err
		}
		s.close()
		if isDamage(err) || errors.Is(err, errReplaced) || s.ctx.Err() != nil {
			s.err = err
			break
		}
		if ended := p.wait(n, fmt.Errorf("read snapshot %d: %w", s.index, err)); ended != nil {
			s.err = errors.Join(err, ended)
		}
	}
	return 0, s.err
}

func (s *snapshotSource) tryRead(b []byte) (int, error) {
	if s.r == nil {
		if err := s.reopen(); err != nil {
			return 0, err
		}
	}
	return s.r.Read(b)
}

// reopen opens the snapshot again and goes to where reading ended.
func (s *snapshotSource) reopen() error {
	_, st := s.d.s.attached()
	if st == nil {
		return &Error{Err: ErrNotReady, Detail: "the storage plugin is starting"}
	}
	r, err := s.d.openSnapshot(s.ctx, st, s.index)
	if err != nil {
		return err
	}
	if sum := r.Info().Sha256; len(sum) > 0 && len(s.sum) > 0 && !bytes.Equal(sum, s.sum) {
		return errors.Join(errReplaced, r.Close())
	}
	if size := r.Info().Bytes; size != s.size {
		return errors.Join(fmt.Errorf("%w: it had %d bytes and has %d now", storage.ErrCorrupt, s.size, size), r.Close())
	}
	if _, err := io.CopyN(io.Discard, r, s.at); err != nil {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: it ends before byte %d", storage.ErrCorrupt, s.at)
		}
		return errors.Join(err, r.Close())
	}
	s.r = r
	return nil
}

func (s *snapshotSource) close() {
	if s.r != nil {
		_ = s.r.Close() // nothing was written
		s.r = nil
	}
}
