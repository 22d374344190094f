package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins"
)

// ErrNotBeside goes with the reason for which no state machine can be opened beside the one
// that runs.
var ErrNotBeside = errors.New("requests waited for the next process")

// errTakenOver ends the drive of a state machine in whose place another one goes on.
var errTakenOver = errors.New("the next state machine goes on")

// takeover is the next state machine on its way to the place of the one that runs, the old one.
type takeover struct {
	next   *next
	at     chan uint64 // what the old one has applied when nothing is in flight
	caught chan error  // whether the next one has that, too
	done   chan placed

	old RunningStateMachine // set before done, if the place was taken
}

// placed is the end of a takeover.
type placed struct {
	taken bool
	old   *lending // of the old one; nil if it is not lent
	err   error
}

// takeoverPatience is how long the old state machine may stand still for the next one to apply
// the last entries.
func takeoverPatience(election time.Duration) time.Duration { return election / 2 }

// ReplaceMachine has the next state machine, which its source has prepared, brought to the
// applied index beside the one that runs, and then take its place without a pause. Queries that
// the old one has been given are answered by it. If the next one fails or lags the old one goes
// on. Where two cannot be open at once it is RestartMachine, for which ended is, and paused is the reason.
func (s *Server) ReplaceMachine(ctx context.Context, ended <-chan struct{}) (paused string, begun bool, err error) {
	m, err := s.cfg.StateMachine.Beside(ctx)
	if errors.Is(err, ErrNotBeside) {
		begun, failed := s.RestartMachine(ctx, ended)
		return err.Error(), begun, failed
	}
	if err != nil && pause.Over(ended) { // and has perhaps been followed by the next one
		err = oldEnded(err)
	}
	if err != nil {
		return "", false, err
	}
	ctx, cancel := s.untilEnded(ctx)
	defer cancel()
	t := &takeover{next: newNext(s, m), at: make(chan uint64, 1), caught: make(chan error, 1), done: make(chan placed, 1)}
	out := s.replace(ctx, t)
	if !out.taken {
		m.Fail(fmt.Errorf("it did not take the place of the one that runs: %v", out.err)) // that a client went does not make it hung
		<-m.Done()
		return "", false, out.err
	}
	s.leave(t.old, out.old)
	return "", true, out.err
}

// replace brings the next state machine to the applied index and has it take the place.
func (s *Server) replace(ctx context.Context, t *takeover) placed {
	ctx, end, err := t.next.catchUp(ctx)
	defer end()
	if err != nil {
		return placed{err: err}
	}
	limit := time.NewTimer(RequestTimeout(s.cfg.Election))
	defer limit.Stop()
	select {
	case s.takeovers <- t:
	case <-t.next.m.Done():
		return placed{err: t.next.why(ctx, errEnded)}
	case <-limit.C:
		return placed{err: errMachineBusy()}
	case <-ctx.Done():
		return placed{err: t.next.why(ctx, ctx.Err())}
	}
	select {
	case at := <-t.at:
		t.caught <- t.next.follow(ctx, at)
		return <-t.done
	case out := <-t.done:
		return out
	}
}

// leave ends the old state machine once those that use it are done, or have had the time
// of a request.
func (s *Server) leave(old RunningStateMachine, lent *lending) {
	if lent != nil {
		s.awaitIdle(lent)
		lent.cancel(errRetire)
		s.awaitIdle(lent)
	}
	old.Retire()
}

// awaitIdle waits until no call uses a state machine, for no longer than a request may take.
func (s *Server) awaitIdle(lent *lending) {
	limit := time.NewTimer(RequestTimeout(s.cfg.Election))
	defer limit.Stop()
	select {
	case <-lent.idle:
	case <-limit.C:
	case <-s.queue.done:
	}
}

// standStill waits, with nothing in flight, until the next state machine has what this one
// has. After errTakenOver that one is to be driven; otherwise this one goes on.
func (d *driver) standStill(t *takeover) error {
	if err := d.settle(); err != nil {
		t.done <- placed{err: oldEnded(err)}
		return err
	}
	err := d.mayLeave()
	if err == nil {
		t.at <- d.at
		err = d.awaitNext(t)
	}
	if err == nil {
		err = d.makePlace(t)
	}
	if err != nil {
		t.done <- placed{err: err}
		return nil
	}
	return errTakenOver
}

// mayLeave refuses to replace a state machine whose state is in doubt.
func (d *driver) mayLeave() error {
	switch s := d.s; {
	case s.isolated.Load() != nil || s.hashes.rebuilds:
		return errors.New("this member is quarantined")
	case s.poison.suspects() || !d.lent:
		return errors.New("the state machine is being brought up again")
	}
	return nil
}

// awaitNext waits until the next one has applied what this one has.
func (d *driver) awaitNext(t *takeover) error {
	patience := takeoverPatience(d.s.cfg.Election)
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case err := <-t.caught:
		if at := t.next.d.at; err == nil && at != d.at {
			err = fmt.Errorf("it has applied entry %d, and the one that runs %d", at, d.at)
		}
		return err
	case <-limit.C:
		err := fmt.Errorf("%w: it has not applied the last entries within %v", errLags, patience)
		t.next.giveUp(err) // else the answer comes when it is given up as hung
		return err
	case <-d.m.Done():
		return oldEnded(d.ended())
	}
}

// oldEnded says that the old one does not go on: its host starts it again.
func oldEnded(err error) error {
	return fmt.Errorf("the one that runs has ended: %w: %w", plugins.ErrGone, err)
}

// makePlace ends the use of this state machine, if the next one has the same state as far as
// checks tell.
func (d *driver) makePlace(t *takeover) error {
	for _, h := range t.next.hashes {
		if i := slices.IndexFunc(d.s.hashes.own, func(o node.StateHash) bool { return o.Index == h.Index && o.Name == h.Name }); i >= 0 && d.s.hashes.own[i] != h {
			return fmt.Errorf("after entry %d its state has the hash %016x, and that of the one that runs has %016x", h.Index, h.Value, d.s.hashes.own[i].Value)
		}
	}
	if err := t.next.d.checkReached(); err != nil {
		return err
	}
	if !t.next.watch.Stop() { // else it would end the one that serves, a moment later
		return t.next.stalled()
	}
	if !t.next.m.TakePlace() {
		return t.next.hasEnded()
	}
	if err := d.applier.Close(); err != nil {
		d.s.logger.Warn("the apply stream of a state machine that is replaced did not close", "error", err)
	}
	t.old, d.s.placing = d.m, t
	d.s.logger.Info("the next state machine goes on", "index", d.at)
	return nil
}

// goesOn has d go on where the next state machine stands, and tells whether the hashes of the
// old one are of its state, too.
func (t *takeover) goesOn(d *driver) (sameHash bool) {
	n := t.next.d
	d.at, d.time, d.version, d.timed = n.at, n.time, n.version, true
	return d.s.hash.Load().Name == d.hashName
}

// placed answers the takeover that is under way, if there is one. old is what was lent.
func (s *Server) placed(old *lending, err error) {
	if s.placing != nil {
		s.placing.done <- placed{taken: true, old: old, err: err}
		s.placing = nil
	}
}
