package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// run is the server goroutine: it starts the state machine, brings it to the
// applied index, and gives it what raft commits. A state machine that dies is
// started again and replayed, as often as the source allows; entries that it
// had not answered are given to the next one.
func (s *Server) run() {
	defer close(s.done)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var unanswered [][]work
	for !s.ended() {
		given, begun := underWay{}, time.Now()
		m, err := s.startMachine(ctx)
		trial := s.cfg.MachineOnTrial != nil && s.cfg.MachineOnTrial()
		if err == nil {
			unanswered, given, err = s.drive(ctx, m, unanswered)
			if errors.Is(err, errTakenOver) {
				continue // the old one is lent until the next one is
			}
			s.machine.close(err)
			s.changed.notify()
			s.applyStall.Store(nil)
		}
		if s.ended() {
			break
		}
		if errors.Is(err, errRetire) {
			s.retire(m)
			continue
		}
		s.restarted(err)
		s.placed(nil, err)
		if errors.Is(err, ErrPermanent) && !trial && (m != nil || !s.goesOnWithout(err)) {
			s.err = fmt.Errorf("state machine: %w", err)
			return
		}
		s.logger.Error("state machine failed, starting it again", "error", err)
		s.discard(m, err)
		s.blame(m, given, err)
		if p := (parted{}); errors.As(err, &p) {
			s.part(p)
		}
		s.pauseAfter(time.Since(begun), err)
	}
	s.machine.close(&Error{Err: ErrStopping})
	s.placed(nil, &Error{Err: ErrStopped})
	close(s.idle)
	<-s.stop // law 5: the server goroutine ends last
}

// goesOnWithout tells whether the host goes on though no state machine can be started: in a
// quarantine, as the plugin is being replaced perhaps, or in one that begins with that.
func (s *Server) goesOnWithout(err error) bool {
	return s.isolated.Load() != nil || s.isolateKilled(err)
}

// discard ends a state machine that failed with err, so that the next can be
// started.
func (s *Server) discard(m RunningStateMachine, err error) {
	if m != nil {
		m.Fail(err)
		select {
		case <-m.Done():
		case <-s.queue.done:
		}
	}
}

// rest is the pause between two state machines. The source waits out its backoff; this
// only keeps an error that comes before any process from being a busy loop.
func (s *Server) rest() {
	pause.Until(s.queue.done, s.cfg.Tick)
}

// ended tells whether nothing more is to be applied.
func (s *Server) ended() bool { return pause.Over(s.queue.done) }

// startMachine starts the plugin, but not while the host is stopping.
func (s *Server) startMachine(ctx context.Context) (RunningStateMachine, error) {
	if s.placing != nil {
		return s.placing.next.m, nil
	}
	ctx, cancel := s.untilEnded(ctx)
	defer cancel()
	return s.cfg.StateMachine.Start(ctx)
}

// untilEnded is a context that ends with the use of the state machine.
func (s *Server) untilEnded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-s.queue.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// drive uses one state machine until it fails or the queue is closed, and
// returns the work that it did not answer, in order, and what of that it was given.
func (s *Server) drive(ctx context.Context, m RunningStateMachine, unanswered [][]work) ([][]work, underWay, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // an Apply that runs is not cancelled by a stop: law 4
	info := m.Describe()
	d := &driver{
		s: s, ctx: ctx, m: m, at: m.Applied(), backlog: unanswered, timed: m.Applied() == 0,
		ticks: info.Has(statemachine.CapabilityTimers), commands: info.CommandVersions, hashName: hashNameOf(info.StateHash),
	}
	if s.placing == nil || !s.placing.goesOn(d) {
		s.hashes.own = nil
		s.tellHash(node.StateHash{Name: d.hashName})
	}
	if s.hashes.rebuilds { // what it has kept is not trusted
		d.at, d.timed = 0, false
	}
	s.info.Store(&info)
	d.reading = patience{d: d}
	d.heardAtOpen()
	s.passed(d.at)
	err := d.run()
	return d.unanswered(), d.underWay(), err
}

// answer ends the requests whose entries were applied, and counts the work as
// applied. results has one for each command; nil means that all are lost.
func (s *Server) answer(items []work, results []Result) {
	type ended struct {
		w      *waiter
		result Result
		err    error
	}
	list := make([]ended, 0, len(results))
	s.mu.Lock()
	i := 0
	for k := range items {
		a := &items[k].apply
		for _, c := range a.Commands {
			s.heardOf(c.ID)
			if w := s.takeWaiter(c.ID); w != nil {
				r := Result{Lost: true}
				if results != nil {
					r = results[i]
				}
				r.Index, r.Term = c.Index, c.Term
				list = append(list, ended{w: w, result: r})
			}
			i++
		}
		for _, c := range a.Changes {
			s.heardOf(c.ID)
			if w := s.takeWaiter(c.ID); w != nil {
				list = append(list, ended{w: w, result: Result{Index: c.Index, Term: c.Term}, err: c.Err})
			}
		}
	}
	s.mu.Unlock()
	s.applied(items)
	if len(list) == 0 {
		return
	}
	now := time.Now()
	for i := range list {
		outcome := applied
		if list[i].err != nil { // a change that the members of its place in the log do not admit
			outcome = refused
		}
		s.metrics.ended(outcome, list[i].w, now)
		list[i].w.done(list[i].result, list[i].err)
	}
}

// awaited tells whether a request of this process waits for any of the work's
// results: no request waits for most of what a follower applies, or for a
// replay.
func (s *Server) awaited(items []work) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range items {
		for k := range items[i].apply.Commands {
			id := &items[i].apply.Commands[k].ID
			if id.Origin == s.cfg.ID && s.waiters[id.Number] != nil {
				return true
			}
		}
	}
	return false
}

// applied moves the applied index on.
func (s *Server) applied(items []work) {
	last := &items[len(items)-1]
	s.advance(last.last(), last.apply.Registry)
}

// advance moves the applied index on, and tells the node, which makes room for
// proposals.
func (s *Server) advance(index uint64, registry *member.Registry) {
	s.progress.advance(index, registry)
	if n, _ := s.attached(); n != nil {
		n.Applied(index, s.wake)
	}
}
