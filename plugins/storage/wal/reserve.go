package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/freespace"
)

// reserveName is a file that only takes space: it is given up when the disk is
// full and the log needs a segment.
const reserveName = "reserve"

// reserve is the space that the log has aside.
type reserve struct {
	have atomic.Int64 // bytes; 0 after it was spent
	full atomic.Bool  // it was spent, or does not fit

	mu    sync.Mutex // held while the file is made or removed
	tried time.Time
}

// keepReserve makes the reserve if it is not there: after Open, and when space
// has returned. It tries again once in a while, and not while the next
// segment cannot be made, which comes first.
func (j *journal) keepReserve(now time.Time) {
	r, want := &j.reserve, j.config.reserveBytes()
	if want == 0 || r.have.Load() == want || j.segmentIsMissing() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.tried.IsZero() && now.Sub(r.tried) < j.upkeep.spaceRetry() {
		return
	}
	r.tried = now
	if err := freespace.Error(j.makeReserve(want)); err != nil {
		if full := errors.Is(err, storage.ErrNoSpace); !full || !r.full.Swap(true) {
			j.logger.Warn("cannot set aside space for a full disk", "bytes", want, "error", err)
		}
		return
	}
	r.have.Store(want)
	r.full.Store(false)
	j.logger.Info("space is set aside for a full disk", "bytes", want)
}

// segmentIsMissing reports whether the background could not make the next
// segment.
func (j *journal) segmentIsMissing() bool {
	p := &j.prepare
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed != 0
}

// makeReserve allocates the file. A file that an interrupted call left is
// completed.
func (j *journal) makeReserve(size int64) error {
	f, err := j.fs.Create(reserveName)
	if errors.Is(err, fs.ErrExist) {
		f, err = j.fs.Open(reserveName)
	}
	if err != nil {
		return err
	}
	have, err := f.Size()
	if err == nil && have > size {
		err = f.Truncate(size)
	}
	if err == nil {
		err = f.Preallocate(size)
	}
	if err == nil && have != size {
		err = f.SyncAll()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, j.fs.Remove(reserveName))
	}
	return nil
}

// spendReserve gives the reserve back to the file system. It returns false if
// there is none.
func (j *journal) spendReserve() (bool, error) {
	r := &j.reserve
	r.mu.Lock()
	defer r.mu.Unlock()
	r.have.Store(0)
	r.tried = time.Now()
	switch err := j.fs.Remove(reserveName); {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("spend the reserve: %w", err)
	}
	// Some file systems free the blocks only when the removal is durable.
	if err := j.fs.SyncDir("."); err != nil {
		return false, fmt.Errorf("spend the reserve: %w", err)
	}
	r.full.Store(true)
	j.logger.Warn("the disk is full, the log goes on with the space that was set aside: free space now",
		"bytes", j.config.reserveBytes())
	return true, nil
}

// makeSegment is prepareSegment for a log that cannot go on without it: on a
// full disk it spends the reserve. It does so once: without a reserve the error of the
// first try goes to the caller.
func (j *journal) makeSegment(number uint64, size int64) (*segment, error) {
	s, err := prepareSegment(j.fs, number, size, j.upkeep.stop)
	if !errors.Is(freespace.Error(err), storage.ErrNoSpace) {
		return s, err
	}
	spent, spendErr := j.spendReserve()
	if !spent {
		return nil, errors.Join(err, spendErr)
	}
	return prepareSegment(j.fs, number, size, j.upkeep.stop)
}
