package catalog

import (
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
)

// Beside makes the process that was prepared an instance beside the one that runs, described
// but not opened. Its end does not count against the plugin until TakePlace has made it the one that
// runs. There is one at a time.
//
// Errors: ErrNoProcess if none is prepared, or if it has ended since; ErrRunning if the one
// before has not ended; ErrClosed.
func (s *Slot) Beside() (*Instance, error) {
	if s.isCrowded() {
		return nil, ErrRunning
	}
	p := s.take()
	if p == nil {
		return nil, ErrNoProcess
	}
	if pause.Over(p.launch.runner.exited) {
		err := p.launch.runner.startCause(ErrNoProcess)
		p.launch.abandon()
		p.seat.leave()
		s.catalog.lives.Done()
		return nil, fmt.Errorf("%w: %w", ErrNoProcess, err)
	}
	in := p.launch.live(p.info, func(in *Instance) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.beside, s.besideSeat = in, p.seat
	})
	go func() {
		<-in.gone
		s.catalog.lives.Done() // of Prepare
	}()
	if s.catalog.closing.Err() != nil {
		in.life.kill(closedReason) // Close may have looked for it just before
		return nil, ErrClosed
	}
	return in, nil
}

// isCrowded tells whether there are two instances already.
func (s *Slot) isCrowded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.beside != nil || s.leaving != nil
}

// TakePlace makes an instance that Beside returned the one that runs and serves. The one before is
// the caller's to stop, and its end counts for nothing. It is false, and changes nothing, if
// the instance has ended.
func (in *Instance) TakePlace() bool {
	s := in.slot
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.beside != in {
		return false
	}
	s.beside = nil
	s.moveLocked()
	if s.current != nil && !s.current.hasEnded() {
		s.leaving = s.current
	}
	s.current, s.info = in, in.info
	s.starts++
	s.startedAt = time.Now()
	s.history.stopped()
	s.causes = causes{}
	s.state, s.served = Ready, true
	return true
}
