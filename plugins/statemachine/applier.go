package statemachine

import (
	"context"
	"io"
	"time"
)

// An Outcome is the answer to one Submit.
type Outcome struct {
	// Results are those of the batch, in order.
	Results []Result
	// Applied is the applied index after the batch. A state that is kept on disk may be
	// ahead of the batch in a replay; Applied is not below the index of Snapshot.
	Applied uint64
	// Snapshot is set if the Submit asked for one.
	Snapshot Snapshot
	// Wake is NextTimer after the batch.
	Wake uint64
	// Hash is set if the batch asked for it.
	Hash []byte
	// Durable is DurableIndex after the batch.
	Durable uint64
	// Took is how long the batch was applied, without the time in which it waited; 0 if that
	// is not known.
	Took time.Duration
}

// An Applier is the pipelined form of Apply, which the host uses: a few
// batches may be on their way, outcomes come in order.
//
// Recv may run concurrently with the others; Submit and Close are called from
// one goroutine. While an Applier is open the StateMachine's own Apply and
// PrepareSnapshot must not be called.
type Applier interface {
	// Submit hands over the next batch; with prepare set, a snapshot is
	// prepared after it. It may wait for room in a queue.
	Submit(b Batch, prepare bool) error
	// Recv waits for the next outcome. After Close it returns io.EOF; any
	// other error is final, and what was submitted without an outcome may or
	// may not have been applied.
	Recv() (Outcome, error)
	// Close stops accepting batches; those submitted still have an outcome.
	Close() error
}

// Streamer is implemented by a StateMachine that has a pipeline of its own.
type Streamer interface {
	Applier(ctx context.Context) (Applier, error)
}

// OpenApplier returns sm's own pipeline, or one over sm.Apply.
func OpenApplier(ctx context.Context, sm StateMachine) (Applier, error) {
	if st, ok := sm.(Streamer); ok {
		return st.Applier(ctx)
	}
	return NewApplier(ctx, sm), nil
}

// applierWindow is how many batches may be on their way.
const applierWindow = 8

// NewApplier returns an Applier over sm.Apply that ends when ctx does.
func NewApplier(ctx context.Context, sm StateMachine) Applier {
	a := &loopApplier{
		ctx:      ctx,
		sm:       sm,
		timer:    timerOf(sm),
		durable:  durableOf(sm),
		hasher:   hasherOf(sm),
		queue:    make(chan submission, applierWindow),
		outcomes: make(chan Outcome, applierWindow),
		done:     make(chan struct{}),
	}
	go a.run()
	return a
}

type submission struct {
	batch   Batch
	prepare bool
}

type loopApplier struct {
	ctx      context.Context
	sm       StateMachine
	timer    Timer
	durable  Durable
	hasher   Hasher // nil if it has no hash
	queue    chan submission
	outcomes chan Outcome
	done     chan struct{} // closed when run has ended; err is set then
	err      error
}

func (a *loopApplier) run() {
	defer close(a.done)
	for {
		select {
		case s, ok := <-a.queue:
			if !ok {
				a.err = io.EOF
				return
			}
			begun := time.Now()
			out, err := a.apply(s)
			if err != nil {
				a.err = err
				return
			}
			out.Took = time.Since(begun)
			select {
			case a.outcomes <- out:
			case <-a.ctx.Done():
				a.err = a.ctx.Err()
				return
			}
		case <-a.ctx.Done():
			a.err = a.ctx.Err()
			return
		}
	}
}

func (a *loopApplier) apply(s submission) (Outcome, error) {
	results, err := a.sm.Apply(a.ctx, s.batch)
	if err != nil {
		return Outcome{}, err
	}
	if s.batch.NoResults {
		DropResults(results)
	}
	LimitResults(results, 0)
	out := Outcome{Results: results, Applied: s.batch.Through, Wake: a.timer.NextTimer(), Durable: a.durable.DurableIndex()}
	if s.batch.Hash && a.hasher != nil {
		out.Hash = a.hasher.StateHash()
	}
	if s.prepare {
		if out.Snapshot, err = a.sm.PrepareSnapshot(a.ctx); err != nil {
			return Outcome{}, err
		}
		out.Applied = max(out.Applied, out.Snapshot.Index())
	}
	return out, nil
}

func (a *loopApplier) Submit(b Batch, prepare bool) error {
	select {
	case a.queue <- submission{b, prepare}:
		return nil
	case <-a.done:
		return a.err
	}
}

func (a *loopApplier) Recv() (Outcome, error) {
	select {
	case out := <-a.outcomes:
		return out, nil
	case <-a.done:
	}
	select { // what was finished before the end is still delivered
	case out := <-a.outcomes:
		return out, nil
	default:
		return Outcome{}, a.err
	}
}

func (a *loopApplier) Close() error {
	close(a.queue)
	return nil
}
