package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// StreamPatience is how long a state machine may send nothing of an answer in chunks
// while it is waited for.
func StreamPatience(election time.Duration) time.Duration { return SavePatience(election) }

// QueryStream implements Service.
func (s *Server) QueryStream(ctx context.Context, data []byte, c Consistency, begin func(context.Context, Place) error, send func([]byte) error) error {
	waiting, cancel := context.WithTimeout(ctx, RequestTimeout(s.cfg.Election))
	leave, err := s.admitQuery(waiting, data, c)
	cancel()
	if err != nil {
		return err
	}
	leave = sync.OnceFunc(leave)
	defer leave()
	from := s.place()
	if from.History == 0 {
		return &Error{Err: ErrNotReady, Detail: "the cluster has not drawn its number yet", RetryAfter: s.cfg.Tick}
	}
	m, lease, done, ok := s.machine.use(ctx)
	if !ok {
		return s.noMachine()
	}
	f := &feed{send: send, patience: StreamPatience(s.cfg.Election), begun: time.Now(), turn: RequestTimeout(s.cfg.Election), leave: leave}
	until, end := context.WithCancel(context.Background())
	whole := context.AfterFunc(lease, end)
	if f.receiver = begin(until, from); f.receiver == nil {
		err = f.run(lease, m, data)
	}
	neededBack, retired := lease.Err() != nil, isRetired(lease)
	whole() // until does not end with the answer, whose last message may be on its way
	done()  // a waiter for the state machine goes on
	if f.receiver != nil {
		return f.receiver
	}
	switch crowded := s.crowd.note(m, errors.Is(err, statemachine.ErrTooManyStreams)); {
	case errors.Is(err, plugins.ErrBadAnswer):
		m.Fail(err)
	case crowded >= f.patience:
		m.Fail(fmt.Errorf("query stream: nothing but this for %v: %w", crowded.Round(time.Second), err))
	}
	broken := err != nil && !retired && (neededBack || errors.Is(err, plugins.ErrGone))
	s.judgeStream(data, f, err, broken && hasEnded(ctx, m, s.cfg.Tick))
	return s.streamError(ctx, f, err, neededBack)
}

// place is how far this member has applied, and of which history that is. The number of the
// cluster names it, which is drawn before the first proposal: also after a restore, and
// after a survivor was made a cluster of its own.
func (s *Server) place() Place {
	index, registry := s.progress.get()
	return Place{Index: index, History: registry.Number()}
}

// A feed is an answer in chunks on its way from the state machine to a client.
type feed struct {
	send     func([]byte) error
	patience time.Duration
	begun    time.Time
	// turn is for how long other suspects wait for it, if it is one: it is asked alone until
	// its first chunk after that, when leave is called.
	turn     time.Duration
	leave    func()
	silent   atomic.Bool // the state machine has sent nothing for that long
	receiver error       // of begin and send
	refused  error       // why a chunk was not sent
}

// run asks the state machine. The time in which a chunk waits for the client is not the
// state machine's.
func (f *feed) run(ctx context.Context, m RunningStateMachine, data []byte) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silence := time.AfterFunc(f.patience, func() {
		f.silent.Store(true)
		cancel()
	})
	defer silence.Stop()
	err := statemachine.QueryStream(ctx, m, data, func(chunk []byte) error {
		if f.refused == nil && silence.Stop() {
			f.take(chunk)
			silence.Reset(f.patience)
		} else if f.refused == nil {
			f.refused = context.Canceled
		}
		return f.refused
	})
	return cmp.Or(f.refused, err) // a state machine may have ignored it
}

// take gives a chunk to the receiver.
func (f *feed) take(chunk []byte) {
	if time.Since(f.begun) >= f.turn {
		f.leave()
	}
	switch n := len(chunk); {
	case n > plugins.MaxChunkBytes:
		f.refused = fmt.Errorf("chunk of %d bytes, at most %d: %w", n, plugins.MaxChunkBytes, plugins.ErrLimit)
	case n > 0:
		f.receiver = f.send(chunk)
		f.refused = f.receiver
	}
}

// judgeStream holds against a query that the state machine was silent over it, or ended
// while it was asked. One that has lasted for long is not likely to be the reason, and ends
// the state machine too rarely to end its host.
func (s *Server) judgeStream(data []byte, f *feed, err error, ended bool) {
	silent := f.silent.Load()
	if time.Since(f.begun) >= strikeMemory && !silent {
		s.blocked.clear(data)
		return
	}
	s.judge(data, f.begun, err, ended, silent)
}

// streamError says why an answer in chunks is not whole.
func (s *Server) streamError(ctx context.Context, f *feed, err error, neededBack bool) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, statemachine.ErrNoQueryStreams):
		return &Error{Err: ErrInvalid, Detail: err.Error()}
	case errors.Is(err, statemachine.ErrInvalidQuery), ctx.Err() != nil, s.ended(): // come first
	case errors.Is(err, statemachine.ErrTooManyStreams):
		return &Error{Err: ErrTooManyRequests, Detail: err.Error(), RetryAfter: s.cfg.Election}
	case f.silent.Load():
		return &Error{Err: ErrQueryFailed, Detail: fmt.Sprintf("the state machine has sent nothing for %v", f.patience)}
	}
	return s.queryError(ctx, err, neededBack)
}

// A crowd is the time in which a state machine has refused every answer in chunks, because
// those that it was to give up have not returned: it keeps all clients out, for ever.
type crowd struct {
	mu    sync.Mutex
	of    RunningStateMachine
	since time.Time
}

// note takes how a call has ended, and tells for how long all of them were refused.
func (c *crowd) note(m RunningStateMachine, refused bool) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !refused:
		c.of = nil
		return 0
	case c.of != m:
		c.of, c.since = m, time.Now()
	}
	return time.Since(c.since)
}
