package catalog

import (
	"context"
	"errors"

	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins"
)

// ErrNoProcess: the plugin runs inside the host, or was started elsewhere, so that the host
// has no other process for its place. Prepare returns it.
var ErrNoProcess = errors.New("plugin is not a process of this host")

// A prepared process has described itself and waits to be the next life of its slot.
type prepared struct {
	launch *launch
	info   plugins.Info
	// seat is that of another version than the one that runs; else nil.
	seat *seat
}

// Prepare starts the process that the next Start takes, beside the one that runs, and
// returns what it says of itself: of the same version, or of next if that is not nil.
// Nothing happens to the one that runs. A process that is not wanted any more is ended
// with Discard.
//
// Errors: a StartError, by which nothing is known against the plugin that runs;
// ErrNoProcess; ErrRunning if one is prepared already; ErrClosed, or the cause of ctx.
func (s *Slot) Prepare(ctx context.Context, next *Next) (plugins.Info, error) {
	if s.plan.inproc != nil || s.plan.attach != "" {
		return plugins.Info{}, ErrNoProcess
	}
	pl, other := s.following(), (*seat)(nil)
	if next != nil {
		taken, err := next.plan.take()
		if err != nil {
			return plugins.Info{}, err
		}
		pl, other = next.plan, &taken
	}
	info, err := s.prepare(ctx, pl, other)
	if err != nil {
		other.leave()
	}
	return info, err
}

// prepare is Prepare with what is to run, and its seat if that is another one. The seat is
// the caller's after an error.
func (s *Slot) prepare(ctx context.Context, pl plan, other *seat) (plugins.Info, error) {
	if err := s.catalog.begin(); err != nil {
		return plugins.Info{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.catalog.closing, func() { cancel(ErrClosed) })()
	l, info, err := s.launchProcess(ctx, pl)
	if err == nil && !s.keep(&prepared{l, info, other}) {
		l.abandon()
		err = ErrRunning
	}
	if err != nil {
		s.catalog.lives.Done()
		return plugins.Info{}, err
	}
	if s.catalog.closing.Err() != nil {
		s.Discard() // Close may have looked for it just before
		return plugins.Info{}, ErrClosed
	}
	return info, nil
}

// Current is the life that the slot has now, nil before the first one. It may be over.
func (s *Slot) Current() *Instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// keep makes p what the next Start takes, unless there is such a process.
func (s *Slot) keep(p *prepared) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.prepared != nil {
		return false
	}
	s.prepared = p
	return true
}

// take returns the process that was prepared, if there is one, which nothing else will
// then take.
func (s *Slot) take() *prepared {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.prepared
	s.prepared = nil
	return p
}

// Prepared is what the process says of itself that is prepared; the zero value if none is.
func (s *Slot) Prepared() plugins.Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.prepared == nil {
		return plugins.Info{}
	}
	return s.prepared.info
}

// Discard ends a process that was prepared and that no Start has taken. It returns when
// it is gone.
func (s *Slot) Discard() {
	if p := s.take(); p != nil {
		p.launch.abandon()
		p.seat.leave()
		s.catalog.lives.Done()
	}
}

// startPrepared makes the process that was prepared the slot's next life; nil if there is
// none, if it has ended since, or if it is of another version and the one that ran ended by
// itself: that one was not replaced, and is started again.
func (s *Slot) startPrepared() *Instance {
	p := s.take()
	if p == nil {
		return nil
	}
	defer s.catalog.lives.Done() // the Start has one of its own
	if last := s.Current(); pause.Over(p.launch.runner.exited) || p.seat != nil && !(last != nil && last.retiring.Load()) {
		p.launch.abandon()
		p.seat.leave()
		return nil
	}
	if p.seat != nil {
		s.mu.Lock()
		s.tryLocked(p.seat)
		s.mu.Unlock()
	}
	return p.launch.instance(p.info)
}
