package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// Query implements Service.
func (s *Server) Query(ctx context.Context, data []byte, c Consistency) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, RequestTimeout(s.cfg.Election))
	defer cancel()
	leave, err := s.admitQuery(ctx, data, c)
	if err != nil {
		return Answer{}, err
	}
	defer leave()
	answered, err := s.queries.enter(ctx)
	if err != nil {
		return Answer{}, s.readError(ctx)
	}
	defer answered()
	return s.ask(ctx, data)
}

// admitQuery waits until a query may be given to the state machine, and what it has to
// reflect is applied. Without an error leave must be called when it is answered.
func (s *Server) admitQuery(ctx context.Context, data []byte, c Consistency) (leave func(), err error) {
	if len(data) > s.cfg.MaxValueBytes {
		return nil, s.tooLarge("query", len(data))
	}
	if err := s.refusal(); err != nil {
		return nil, err
	}
	if err := s.blocked.refuse(data); err != nil {
		s.metrics.blocked.Inc()
		return nil, err
	}
	if c == Linearizable {
		if _, err := s.readBarrier(ctx); err != nil {
			return nil, err
		}
	}
	leave, err = s.blocked.enter(ctx, data, RequestTimeout(s.cfg.Election)/4)
	if err == nil && ctx.Err() == nil {
		return leave, nil
	}
	if leave != nil {
		leave()
	}
	if ctx.Err() != nil {
		return nil, s.readError(ctx)
	}
	s.metrics.blocked.Inc()
	return nil, err
}

// ask gives a query to the state machine.
func (s *Server) ask(ctx context.Context, data []byte) (Answer, error) {
	index, _ := s.progress.get()
	m, lease, done, ok := s.machine.use(ctx)
	if !ok {
		return Answer{}, s.noMachine()
	}
	begun := time.Now()
	answer, err := m.Query(lease, data)
	neededBack, retired := lease.Err() != nil, isRetired(lease)
	done() // a waiter for the state machine goes on
	broken := err != nil && !retired && (neededBack || errors.Is(err, plugins.ErrGone))
	ended := broken && hasEnded(ctx, m, s.cfg.Tick)
	s.judge(data, begun, err, ended, ctx.Err() != nil && time.Since(begun) >= RequestTimeout(s.cfg.Election)/2)
	if err != nil {
		return Answer{}, s.queryError(ctx, err, neededBack)
	}
	return Answer{Data: answer, Index: index}, nil
}

// queryError is what a client is told of a state machine's error. neededBack: the state
// machine was taken from the query.
func (s *Server) queryError(ctx context.Context, err error, neededBack bool) error {
	switch {
	case errors.Is(err, statemachine.ErrInvalidQuery):
		return &Error{Err: ErrInvalid, Detail: err.Error()}
	case ctx.Err() != nil:
		return s.readError(ctx)
	case s.ended():
		return &Error{Err: ErrStopping}
	case neededBack, errors.Is(err, plugins.ErrGone), errors.Is(err, plugins.ErrClosed):
		return s.machineAgain(err)
	}
	return &Error{Err: ErrQueryFailed, Detail: err.Error(), RetryAfter: s.cfg.Tick}
}

// noMachine says that there is no state machine to be asked.
func (s *Server) noMachine() error {
	return s.hint(&Error{Err: ErrNotReady, Detail: "the state machine plugin is starting", RetryAfter: s.cfg.Tick})
}

// machineAgain says that the state machine went while it was asked.
func (s *Server) machineAgain(err error) error {
	return &Error{Err: ErrNotReady, Detail: "the state machine plugin is starting again" + whyGone(err), RetryAfter: s.cfg.Tick}
}

// hasEnded tells whether the state machine has ended, or does within a moment: its
// users may learn that something broke before it is known what.
func hasEnded(ctx context.Context, m RunningStateMachine, moment time.Duration) bool {
	timer := time.NewTimer(moment)
	defer timer.Stop()
	select {
	case <-m.Done():
		return true
	case <-ctx.Done():
		return false
	case <-timer.C:
		return false
	}
}

// judge holds against a query that the state machine ended while it was under
// way, or that it was late: not answered in its time; not while
// an apply is unanswered too, which is then the likelier reason.
func (s *Server) judge(data []byte, begun time.Time, err error, ended, late bool) {
	var what string
	switch {
	case err == nil, errors.Is(err, statemachine.ErrInvalidQuery):
		s.blocked.clear(data)
		return
	case s.ended():
		return
	case ended:
		what = "was under way when the state machine ended"
	case late && s.applyStall.Load() == nil:
		what = "was not answered in time"
	default:
		return
	}
	s.strike(data, begun, what)
}

// strike notes what a query did, and says so if it is kept from the state machine.
func (s *Server) strike(data []byte, begun time.Time, what string) {
	if s.blocked.strike(data, begun, what) {
		s.logger.Error("a query is kept from the state machine for a while", "reason", "twice in a row it "+what, "for", blockTime,
			"bytes", len(data), "begins", fmt.Sprintf("%.64q", data))
	}
}

// whyGone is how the plugin ended, for clients; its last output is for the log.
func whyGone(err error) string {
	if !errors.Is(err, plugins.ErrGone) {
		return ""
	}
	how, _, _ := strings.Cut(err.Error(), "; last lines")
	how, _, _ = strings.Cut(how, "\n")
	return ": " + how
}

// ReadBarrier implements Service.
func (s *Server) ReadBarrier(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, RequestTimeout(s.cfg.Election))
	defer cancel()
	return s.readBarrier(ctx)
}

// readBarrier returns when everything that was acknowledged before the call is
// applied here, with the index that the leader has answered (thesis, section 6.4).
func (s *Server) readBarrier(ctx context.Context) (uint64, error) {
	if _, err := s.currentNode(); err != nil {
		return 0, err
	}
	if err := s.refusal(); err != nil {
		return 0, err
	}
	begun := time.Now()
	index, err := s.reads.join(ctx)
	if err == nil {
		err = s.progress.wait(ctx, index, s.queue.done)
	}
	s.metrics.timings.barrier.Observe(time.Since(begun).Seconds())
	switch {
	case errors.Is(err, ErrStopping):
		return 0, &Error{Err: ErrStopping}
	case err != nil:
		return 0, s.readError(ctx)
	}
	return index, nil
}

// readError says why a read did not finish. A read has no effect, so all of
// these are definite.
func (s *Server) readError(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &Error{Err: ErrReadTimeout, Detail: "cancelled by the client"}
	}
	if s.leader() == 0 {
		return s.noLeader()
	}
	return s.hint(&Error{Err: ErrReadTimeout})
}
