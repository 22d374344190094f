package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Reasons of warnings about snapshots.
const (
	// WarnLogHeld: a snapshot that is being sent holds back much of the log.
	WarnLogHeld = "log_held"
	// WarnSnapshotStalled: snapshots of this member's own state cannot be saved,
	// or one does not get on, or the log is not compacted after them.
	WarnSnapshotStalled = "snapshot_stalled"
)

// SavePatience is how long the saving of a snapshot may stand still before
// status says so; after saveGivenUp times as long it is given up.
func SavePatience(election time.Duration) time.Duration { return 30*time.Second + 2*election }

const (
	saveGivenUp = 10
	// failuresToTell is after how many snapshots in a row that failed status
	// says so: one that fails with its state machine is nothing to tell.
	failuresToTell = 2
	// longestRetry bounds the pause after snapshots that cost much for nothing.
	longestRetry = 10 * time.Minute
)

var (
	errSaveStalled = errors.New("nothing of it has moved")
	errEndedAsked  = errors.New("the state machine ended as it made one")
)

// snapshotHealth is how saving snapshots goes.
type snapshotHealth struct {
	index    uint64 // of the one that is being saved; 0 if none is
	moved    time.Time
	failures int  // in a row
	dear     int  // those among them, in a row, that cost much for nothing
	full     bool // the last one found no space
	why      error
	retryAt  time.Time
}

// watch returns a context for saving a snapshot, which ends when nothing of it
// has moved for long, what to call when something has, and what to call with the
// error that it ended with.
func (p *snapshotter) watch(ctx context.Context, index uint64) (_ context.Context, moved func(), end func(error) error) {
	ctx, cancel := context.WithCancelCause(ctx)
	patience := saveGivenUp * SavePatience(p.s.cfg.Election)
	stall := time.AfterFunc(patience, func() { cancel(fmt.Errorf("%w for %v", errSaveStalled, patience)) })
	moved = func() {
		stall.Reset(patience)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.health.index, p.health.moved = index, time.Now()
	}
	moved()
	return ctx, moved, func(err error) error {
		stall.Stop()
		if cause := context.Cause(ctx); err != nil && errors.Is(cause, errSaveStalled) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		cancel(nil)
		return err
	}
}

// movingWriter tells when something was written.
type movingWriter struct {
	w     io.Writer
	moved func()
}

// Write implements io.Writer.
func (w movingWriter) Write(b []byte) (int, error) {
	n, err := w.w.Write(b)
	if n > 0 {
		w.moved()
	}
	return n, err
}

// saved notes how it ended, and when to try again. After one that found no
// space, that failed its rehearsal, or over which the state machine ended, the pause is
// longer each time: every attempt writes what the disk has left, or the whole state, or
// costs a state machine. It needs p.mu.
func (h *snapshotHealth) saved(err error, election time.Duration) {
	full, asked := errors.Is(err, storage.ErrNoSpace), errors.Is(err, errEndedAsked)
	*h = snapshotHealth{failures: h.failures + 1, dear: h.dear + 1, full: full, why: err}
	if err == nil {
		*h = snapshotHealth{}
		return
	}
	if asked && h.dear < failuresToTell {
		return // as it may have for another reason
	}
	pause := election
	if !full && !asked && !errors.Is(err, errNotRestored) {
		h.dear = 0
	}
	for n := 1; n < h.dear && pause < longestRetry; n++ {
		pause *= 2
	}
	h.retryAt = time.Now().Add(min(pause, max(longestRetry, election)))
}

// mayTry tells whether a snapshot may be tried now. After one for which there
// was no space the storage must have some. It needs p.mu.
func (p *snapshotter) mayTry() bool {
	now := time.Now()
	if now.Before(p.health.retryAt) {
		return false
	}
	if p.health.full && shortOfSpace(p.s.cfg.Plugins()) {
		p.health.retryAt = now.Add(p.s.cfg.Election)
		return false
	}
	return true
}

// shortOfSpace tells whether the storage among the plugins says so.
func shortOfSpace(all []PluginStatus) bool {
	return slices.ContainsFunc(all, func(p PluginStatus) bool {
		return p.Kind == string(plugins.Storage) && p.Warning != ""
	})
}

// snapshotWarnings say what is not well with snapshots.
func (s *Server) snapshotWarnings() (list []Warning) {
	p := s.snapshots
	if h, bytes := p.heldMost(); h != nil && bytes > p.holdLimit()/2 {
		list = append(list, Warning{WarnLogHeld, fmt.Sprintf(
			"the snapshot at index %d has been on its way to a follower, or to the next state machine, for %v and holds back %d bytes of the log; at %d it is given up",
			h.index, time.Since(h.since).Round(time.Second), bytes, p.holdLimit())})
	}
	p.mu.Lock()
	h, c := p.health, p.compaction
	p.mu.Unlock()
	if stood := time.Since(h.moved); h.index > 0 && stood >= SavePatience(s.cfg.Election) {
		list = append(list, Warning{WarnSnapshotStalled, fmt.Sprintf(
			"nothing of the snapshot at index %d has been saved for %v, and the log grows; after %v it is given up",
			h.index, stood.Round(time.Second), saveGivenUp*SavePatience(s.cfg.Election))})
	} else if h.failures >= failuresToTell {
		list = append(list, Warning{WarnSnapshotStalled, fmt.Sprintf(
			"the last %d snapshots could not be saved, and the log grows: %v", h.failures, h.why)})
	} else if text := c.warning(s.cfg.Election); text != "" {
		list = append(list, Warning{WarnSnapshotStalled, text})
	}
	return list
}
