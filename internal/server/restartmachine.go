package server

import (
	"context"
	"errors"
	"time"

	"github.com/pontoon-raft/pontoon/internal/restarts"
)

// errRetire ends the drive of a state machine that is to be replaced, as was asked for.
var errRetire = errors.New("the state machine is replaced as asked")

// RestartMachine has the state machine that runs closed, once it has answered what it was
// given, and the next one started, and returns when that one serves. What comes meanwhile
// waits. begun is false if the state machine has not been touched, or has ended by itself,
// as ended tells.
func (s *Server) RestartMachine(ctx context.Context, ended <-chan struct{}) (begun bool, err error) {
	ctx, cancel := s.untilEnded(ctx)
	defer cancel()
	begun, err = restarts.Ask(ctx, s.restarts, ended, RequestTimeout(s.cfg.Election), errMachineBusy())
	switch {
	case !errors.Is(err, context.Canceled) || !s.ended():
		return begun, err
	case begun:
		return true, &Error{Err: ErrStopped}
	}
	return false, &Error{Err: ErrStopping}
}

// errMachineBusy: the state machine that is to be replaced is not there to be replaced.
func errMachineBusy() error {
	return &Error{Err: ErrNotReady, Detail: "the state machine is not running, or is not done with what it was given"}
}

// beginRestart waits until the state machine has answered what it was given, so that no
// result is lost, and ends the drive.
func (d *driver) beginRestart(r *restarts.Restart) error {
	d.s.restart = r
	if err := d.settle(); err != nil {
		return err
	}
	return errRetire
}

// retire ends a state machine that has done nothing wrong.
func (s *Server) retire(m RunningStateMachine) {
	s.logger.Info("the state machine is restarted as asked")
	select {
	case <-s.machine.close(errRetire): // queries and a snapshot under way are cancelled
	case <-time.After(RequestTimeout(s.cfg.Election)):
	case <-s.queue.done:
	}
	m.Retire()
}

// isRetired tells whether a lease of the state machine has ended because that is replaced
// as asked: what was under way has neither failed nor ended it.
func isRetired(lease context.Context) bool { return errors.Is(context.Cause(lease), errRetire) }

// restarted answers the restart that is under way, if there is one.
func (s *Server) restarted(err error) {
	s.restart.Answer(err)
	s.restart = nil
}
