package server

import (
	"context"
	"errors"
)

// Drain refuses new requests from now on; those in flight go on.
func (s *Server) Drain() {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
}

// StopApplying ends the use of the state machine: it waits until what was
// submitted is answered and a snapshot that is being saved is given up, or ctx
// ends. The state machine itself is the caller's
// to close. Law 5: this comes after the raft goroutine has ended and before the
// plugins are closed.
func (s *Server) StopApplying(ctx context.Context) error {
	s.queue.close()
	if !s.started.Load() {
		return nil
	}
	select {
	case <-s.idle:
	case <-s.done:
	case <-ctx.Done():
		return ErrStillApplying
	}
	select {
	case <-s.snapshots.ended:
		return nil
	case <-ctx.Done():
		return ErrStillApplying
	}
}

// ErrStillApplying: the state machine has not answered its last batch, or does
// not give up saving a snapshot. StopApplying returns it when its context
// ends.
var ErrStillApplying = errors.New("still applying")

// Stop ends the server goroutine and waits for it: the last step of a stop.
func (s *Server) Stop() {
	s.Drain()
	s.queue.close()
	select {
	case <-s.stop:
	default:
		close(s.stop)
	}
	if !s.started.Load() {
		return
	}
	<-s.done
	s.wg.Wait()
}

// Done is closed when the server goroutine has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err tells why the server goroutine ended by itself: a state machine that
// cannot go on. It is valid after Done is closed.
func (s *Server) Err() error { return s.err }

// Pause refuses new requests for a while, because the storage is about to be restarted;
// those in flight go on.
func (s *Server) Pause(on bool) {
	s.mu.Lock()
	s.paused = on
	s.mu.Unlock()
	s.changed.notify()
}
