package server

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/core/node"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// Query implements Service.
func (s *Server) Query(ctx context.Context, data []byte, c Consistency) (Answer, error) {
	if len(data) > s.cfg.MaxValueBytes {
		return Answer{}, s.tooLarge("query", len(data))
	}
	if err := s.quarantine.refuse(data); err != nil {
		s.metrics.quarantined.Inc()
		return Answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, RequestTimeout(s.cfg.Election))
	defer cancel()
	if c == Linearizable {
		if err := s.readBarrier(ctx); err != nil {
			return Answer{}, err
		}
	}
	leave, err := s.quarantine.enter(ctx, data)
	switch {
	case ctx.Err() != nil:
		return Answer{}, s.readError(ctx)
	case err != nil:
		s.metrics.quarantined.Inc()
		return Answer{}, err
	}
	defer leave()
	return s.ask(ctx, data)
}

// ask gives a query to the state machine.
func (s *Server) ask(ctx context.Context, data []byte) (Answer, error) {
	index, _ := s.progress.get()
	m, lease, done, ok := s.machine.use(ctx)
	if !ok {
		return Answer{}, s.hint(&Error{Err: ErrNotReady, Detail: "the state machine plugin is starting", RetryAfter: s.cfg.Tick})
	}
	begun := time.Now()
	answer, err := m.Query(lease, data)
	neededBack := lease.Err() != nil
	done() // whoever needs the state machine back waits no longer
	broken := err != nil && (neededBack || errors.Is(err, plugins.ErrGone))
	s.judge(ctx, data, begun, err, broken && hasEnded(ctx, m, s.cfg.Tick))
	switch {
	case err == nil:
		return Answer{Data: answer, Index: index}, nil
	case errors.Is(err, statemachine.ErrInvalidQuery):
		return Answer{}, &Error{Err: ErrInvalid, Detail: err.Error()}
	case ctx.Err() != nil:
		return Answer{}, s.readError(ctx)
	case s.ended():
		return Answer{}, &Error{Err: ErrStopping}
	case neededBack, errors.Is(err, plugins.ErrGone), errors.Is(err, plugins.ErrClosed):
		return Answer{}, &Error{Err: ErrNotReady, Detail: "the state machine plugin is starting again" + whyGone(err), RetryAfter: s.cfg.Tick}
	default:
		return Answer{}, &Error{Err: ErrQueryFailed, Detail: err.Error(), RetryAfter: s.cfg.Tick}
	}
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
// way, or that it took half of a request's time and was not answered; not while
// an apply is unanswered too, which is then the likelier reason.
func (s *Server) judge(ctx context.Context, data []byte, begun time.Time, err error, ended bool) {
	var what string
	switch {
	case err == nil, errors.Is(err, statemachine.ErrInvalidQuery):
		s.quarantine.clear(data)
		return
	case s.ended():
		return
	case ended:
		what = "was under way when the state machine ended"
	case ctx.Err() != nil && time.Since(begun) >= RequestTimeout(s.cfg.Election)/2 && s.applyStall.Load() == nil:
		what = "was not answered in time"
	default:
		return
	}
	if s.quarantine.strike(data, begun, what) {
		s.logger.Error("a query is kept from the state machine for a while", "reason", "twice in a row it "+what, "for", quarantineTime,
			"bytes", len(data), "begins", fmt.Sprintf("%.64q", data))
	}
}

// whyGone is how the plugin ended, for clients: what it wrote last is for the log.
func whyGone(err error) string {
	if !errors.Is(err, plugins.ErrGone) {
		return ""
	}
	how, _, _ := strings.Cut(err.Error(), "; last lines")
	how, _, _ = strings.Cut(how, "\n")
	return ": " + how
}

// readBarrier returns when everything that was acknowledged before the call is
// applied here (thesis, section 6.4).
func (s *Server) readBarrier(ctx context.Context) error {
	if _, err := s.currentNode(); err != nil {
		return err
	}
	index, err := s.reads.join(ctx)
	if err == nil {
		err = s.progress.wait(ctx, index, s.queue.done)
	}
	switch {
	case errors.Is(err, ErrStopping):
		return &Error{Err: ErrStopping}
	case err != nil:
		return s.readError(ctx)
	}
	return nil
}

// readError says why a read did not finish. A read has no effect, so all of
// these are definite.
func (s *Server) readError(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &Error{Err: ErrReadTimeout, Detail: "cancelled by the client"}
	}
	if s.leader() == 0 {
		return &Error{Err: ErrNoLeader, RetryAfter: s.cfg.Election / 2}
	}
	return s.hint(&Error{Err: ErrReadTimeout})
}

// readRounds asks raft for the read index, one round at a time: all reads that
// come while a round is under way share the next one.
type readRounds struct {
	s     *Server
	boot  uint64
	count uint64
	wake  chan struct{}

	mu      sync.Mutex
	next    *readRound
	current *readRound
}

// readRound is one ReadIndex and those who wait for it.
type readRound struct {
	context []byte // of the latest try; nil before the first
	index   uint64
	done    chan struct{}
}

func newReadRounds(s *Server, boot uint64) *readRounds {
	return &readRounds{s: s, boot: boot, wake: make(chan struct{}, 1), next: &readRound{done: make(chan struct{})}}
}

// join waits for a round that starts after the call and returns its index. When
// nothing is applied any more, there is nothing to wait for: ErrStopping.
func (r *readRounds) join(ctx context.Context) (uint64, error) {
	r.mu.Lock()
	round := r.next
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
	select {
	case <-round.done:
		return round.index, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-r.s.queue.done:
		return 0, ErrStopping
	}
}

// run drives the rounds.
func (r *readRounds) run() {
	for {
		select {
		case <-r.s.stop:
			return
		case <-r.wake:
		}
		r.mu.Lock()
		r.current, r.next = r.next, &readRound{done: make(chan struct{})}
		round := r.current
		r.mu.Unlock()
		if !r.ask(round) {
			return
		}
	}
}

// ask repeats the question until it is answered: an answer gets lost with a
// leader. Every try has a context of its own; a late answer to an earlier try
// of the same round is not used (reliability notes, finding 9).
func (r *readRounds) ask(round *readRound) bool {
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-round.done:
			return true
		case <-r.s.stop:
			return false
		case <-retry.C:
			if n, _ := r.s.attached(); n != nil {
				context := r.newContext()
				r.mu.Lock()
				round.context = context
				r.mu.Unlock()
				n.Do(func(c *node.Core) error { return c.ReadIndex(context) })
			}
			retry.Reset(r.s.cfg.Election / 2)
		}
	}
}

// newContext returns one that was never used before.
func (r *readRounds) newContext() []byte {
	r.count++
	b := binary.BigEndian.AppendUint64(nil, uint64(r.s.cfg.ID))
	b = binary.BigEndian.AppendUint64(b, r.boot)
	return binary.BigEndian.AppendUint64(b, r.count)
}

// Read implements the node's port.
func (s *Server) Read(read node.Read) {
	r := s.reads
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.current; c != nil && c.context != nil && string(c.context) == string(read.Context) {
		c.index = read.Index
		c.context = nil
		close(c.done)
		r.current = nil
	}
}
