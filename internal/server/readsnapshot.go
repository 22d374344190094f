package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// readChunk is how much of a snapshot is read, and sent, at once.
const readChunk = 256 << 10

// SnapshotInfo is what is known of a snapshot before it is read.
type SnapshotInfo struct {
	Index, Term uint64
	Bytes       uint64
	SHA256      []byte // of the content; empty if the storage does not know it
}

// ReadSnapshot implements Service. It holds back neither the log nor the next snapshot: the
// storage keeps one that is open readable, and a backup needs no entries after it.
func (s *Server) ReadSnapshot(ctx context.Context, newest bool, begin func(SnapshotInfo) error, chunk func([]byte) error) error {
	// A member whose state is not that of a majority has snapshots of a wrong state. One that is
	// quarantined over an entry has sound ones of before.
	if q := s.isolated.Load(); q != nil && (q.Parted || !newest) {
		if err := s.refusal(); err != nil { // else it is over by now
			return err
		}
	}
	if !s.readingSnapshot.TryLock() {
		return &Error{Err: ErrTooManyRequests, Detail: "this member sends a snapshot to another client", RetryAfter: s.cfg.Election}
	}
	defer s.readingSnapshot.Unlock()
	ctx, cancel := s.untilEnded(ctx)
	defer cancel()
	var index uint64
	if !newest {
		var err error
		if index, err = s.snapshotOfAll(ctx); err != nil {
			return err
		}
	}
	begun := time.Now()
	info, err := s.giveSnapshot(ctx, index, begin, chunk)
	switch {
	case err == nil:
		s.logger.Info("a client has got a snapshot", "index", info.Index, "bytes", info.Bytes, "took", time.Since(begun))
	case s.ended():
		return &Error{Err: ErrStopping}
	}
	return err
}

// snapshotOfAll returns the index of a snapshot that has every write that was acknowledged by
// now, once there is one.
func (s *Server) snapshotOfAll(ctx context.Context) (uint64, error) {
	waiting, cancel := context.WithTimeout(ctx, RequestTimeout(s.cfg.Election))
	through, err := s.readBarrier(waiting)
	cancel()
	if err != nil {
		return 0, err
	}
	for {
		ask := s.snapshots.askFor(through)
		switch {
		case ask.err != nil:
			return 0, ask.err
		case ask.have != 0:
			return ask.have, nil
		}
		s.queue.signal()
		select {
		case <-ask.news:
		case <-ctx.Done():
			return 0, s.readError(ctx)
		}
	}
}

// A snapshotAsk is what came of asking for a snapshot.
type snapshotAsk struct {
	have uint64          // the index of one that suffices; 0 if there is none yet
	news <-chan struct{} // closed when there may be one, or none could be made
	err  error
}

// askFor asks for a snapshot that has the entries up to through, unless there is one or one is
// under way. It reports that none can be made at the moment, and a client that
// waited for it would wait for minutes.
func (p *snapshotter) askFor(through uint64) snapshotAsk {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.last >= through && p.doubtful && p.last == p.doubted:
		return snapshotAsk{err: &Error{
			Err: ErrNotReady, Detail: fmt.Sprintf("the state machine could not be restored from its newest snapshot, %d, and the next one is made after the next write", p.last),
			RetryAfter: p.s.cfg.Election,
		}}
	case p.last >= through && p.last > 0:
		return snapshotAsk{have: p.last}
	case !p.busy && p.health.failures > 0 && !p.mayTry():
		return snapshotAsk{err: &Error{
			Err: ErrNotReady, Detail: fmt.Sprintf("no snapshot can be made: %v", p.health.why),
			RetryAfter: max(p.s.cfg.Tick, time.Until(p.health.retryAt)),
		}}
	}
	p.wanted = p.wanted || !p.busy
	if p.news == nil {
		p.news = make(chan struct{})
	}
	return snapshotAsk{news: p.news}
}

// tellNews wakes those who wait for a snapshot. It needs p.mu.
func (p *snapshotter) tellNews() {
	if p.news != nil {
		close(p.news)
		p.news = nil
	}
}

// giveSnapshot reads the snapshot at index, or the newest one for 0.
func (s *Server) giveSnapshot(ctx context.Context, index uint64, begin func(SnapshotInfo) error, chunk func([]byte) error) (info SnapshotInfo, err error) {
	n, st := s.attached()
	if n == nil {
		return info, s.unavailable()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := SavePatience(s.cfg.Election)
	silence := time.AfterFunc(patience, func() {
		cancel(&Error{Err: ErrNotReady, Detail: fmt.Sprintf("the storage has given nothing of the snapshot for %v", patience)})
	})
	defer silence.Stop()
	r, err := st.OpenSnapshot(ctx, index)
	if err != nil {
		return info, s.snapshotError(ctx, err)
	}
	defer r.Close()
	of := r.Info()
	info = SnapshotInfo{Index: of.Metadata.Index, Term: of.Metadata.Term, Bytes: of.Bytes, SHA256: of.Sha256}
	buf := make([]byte, readChunk)
	give := func() error { return begin(info) }
	for {
		silence.Stop() // the client's time is not the storage's
		if err := give(); err != nil {
			return info, err
		}
		silence.Reset(patience)
		n, err := io.ReadFull(r, buf)
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return info, s.snapshotError(ctx, err)
		}
		if n > 0 {
			give = func() error { return chunk(buf[:n]) }
		}
		if end {
			silence.Stop()
			if n > 0 {
				return info, give()
			}
			return info, nil
		}
	}
}

// snapshotError says why a snapshot could not be read.
func (s *Server) snapshotError(ctx context.Context, err error) error {
	var why *Error
	switch {
	case errors.As(context.Cause(ctx), &why):
		return why
	case ctx.Err() != nil:
		return s.readError(ctx)
	case errors.Is(err, storage.ErrNoSnapshot):
		return &Error{Err: ErrNoSnapshot, Detail: "this member has none yet, or not any longer"}
	case errors.Is(err, plugins.ErrGone), errors.Is(err, plugins.ErrClosed):
		return &Error{Err: ErrNotReady, Detail: "the storage plugin ended while the snapshot was read: " + err.Error(), RetryAfter: s.cfg.Tick}
	}
	return &Error{Err: ErrNotReady, Detail: "the snapshot cannot be read: " + err.Error(), RetryAfter: s.cfg.Election}
}
