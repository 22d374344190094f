package catalog

import (
	"errors"
	"io"
	"slices"

	"github.com/pontoon-raft/pontoon/internal/pluginlock"
	"github.com/pontoon-raft/pontoon/plugins"
)

// ErrNotPinned: the plugin is not one from a catalog of plugins, so that there is no lock
// that could name another version. Next returns it.
var ErrNotPinned = errors.New("plugin is not from a catalog")

// A seat is an executable that a slot runs, and what keeps its file in the catalog of
// plugins; nil if it is not from one.
type seat struct {
	plan plan
	hold io.Closer
}

// take makes a seat of a plan. The error is permanent.
func (pl plan) take() (seat, error) {
	if pl.version == "" {
		return seat{plan: pl}, nil
	}
	hold, err := pluginlock.Hold(pl.path)
	if err != nil {
		return seat{}, &StartError{Kind: pl.kind, Plugin: pl.label, Permanent: true, Cause: err}
	}
	return seat{pl, hold}, nil
}

// leave lets the file go.
func (s *seat) leave() {
	if s != nil && s.hold != nil {
		_ = s.hold.Close()
		s.hold = nil
	}
}

// Next is the version of a plugin that its catalog pins at the moment.
type Next struct{ plan plan }

// Version and SHA256 are those of the lock.
func (n *Next) Version() string { return n.plan.version }

// SHA256 is the sum of the executable in hex.
func (n *Next) SHA256() string { return n.plan.sum }

// Is tells whether which names the version, or the beginning of its sum.
func (n *Next) Is(which string) bool {
	return (&pluginlock.Entry{Version: n.plan.version, SHA256: n.plan.sum}).Is(which)
}

// Next reads the lock for this plugin alone. Nothing changes. Errors: ErrNotPinned, or a
// StartError.
func (s *Slot) Next() (*Next, error) {
	if s.spec.Catalog == "" {
		return nil, ErrNotPinned
	}
	pl, err := s.catalog.plan(s.spec)
	return &Next{pl}, err
}

// Runs tells whether next is what runs, or ran last and is started again.
func (s *Slot) Runs(next *Next) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ran.is(&next.plan) && s.seat.plan.is(&next.plan)
}

// is tells whether two plans start the same.
func (pl *plan) is(o *plan) bool {
	return pl.path == o.path && pl.sum == o.sum && slices.Equal(pl.args, o.args)
}

// SHA256 is the sum of the executable that runs, or ran last, as the slot was given it.
func (s *Slot) SHA256() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ran.sum
}

// Follow has the starts to come run the version that the other slot starts, if that is
// another one. It is for a slot that has no process.
func (s *Slot) Follow(other *Slot) error {
	pl := other.following()
	if now := s.following(); now.is(&pl) {
		return nil
	}
	taken, err := pl.take()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seat.leave()
	s.seat = taken
	return nil
}

// OnTrial tells whether what runs is a new version that has neither Passed nor got anywhere.
// If it ends now, the version before is the next one again.
func (s *Slot) OnTrial() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.before != nil && !(s.current != nil && s.current.progressed.Load())
}

// Passed is how the host says that a new version does what the one before did.
func (s *Slot) Passed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passedLocked()
}

// Info is what the plugin said of itself when it was started last.
func (s *Slot) Info() plugins.Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.info
}

// following is what the next start runs, unless a process is prepared.
func (s *Slot) following() plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seat.plan
}

// tryLocked has a new version run on trial.
func (s *Slot) tryLocked(next *seat) {
	s.passedLocked() // of a trial that did not come to an end
	before := s.seat
	s.before, s.seat = &before, *next
}

// moveLocked takes the seat of the version that was beside, if that is another one. It has
// been opened, and is not on trial.
func (s *Slot) moveLocked() {
	if s.besideSeat == nil {
		return
	}
	s.tryLocked(s.besideSeat)
	s.passedLocked()
	s.besideSeat, s.ran = nil, s.seat.plan
}

// passedLocked ends the trial of a version.
func (s *Slot) passedLocked() {
	s.before.leave()
	s.before = nil
}

// revertLocked returns from a version that never served to the one before.
func (s *Slot) revertLocked() {
	if s.before == nil {
		return
	}
	s.seat.leave()
	s.seat, s.before = *s.before, nil
	s.catalog.options.Logger.Warn("the new version of a plugin did not serve: the one before goes on",
		"kind", string(s.plan.kind), "plugin", s.info.Name, "sha256", s.seat.plan.sum)
}

// leave lets go of all files, once no process is left.
func (s *Slot) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seat.leave()
	s.before.leave()
	s.besideSeat.leave()
}
