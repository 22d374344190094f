package load

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
)

// Settings is one measurement.
type Settings struct {
	// Clients is how many operations are on their way at once.
	Clients int
	// Warmup is time under load before the measurement; nothing of it counts.
	Warmup time.Duration
	// Duration is the measured time.
	Duration time.Duration
	// Pause is how long a client waits after an operation that failed, so that
	// a cluster that refuses at once is not hammered.
	Pause time.Duration
}

// An Operation is done by client number i, over and over. It returns when ctx
// ends.
type Operation func(ctx context.Context, i int) error

// Result is what was measured.
type Result struct {
	// Elapsed is the time that was measured: less than asked for if the run
	// was interrupted.
	Elapsed time.Duration
	// Ops is the number of operations answered without an error within the
	// measured time, however long before it they began.
	Ops uint64
	// Errors is the number of operations that failed within that time.
	Errors uint64
	// P50 and P99 are exact to the microsecond: no interpolation, no buckets.
	P50, P99 time.Duration
	// FirstError is one of the errors, to tell what went wrong.
	FirstError error
}

// OpsPerSecond is the throughput.
func (r Result) OpsPerSecond() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Ops) / r.Elapsed.Seconds()
}

// run is a measurement under way.
type run struct {
	settings  Settings
	op        Operation
	measuring atomic.Bool
	ended     atomic.Bool
	latencies *histogram
	errors    atomic.Uint64
	once      sync.Once
	firstErr  error
}

// Run puts the load on and returns when all clients are done. Operations that
// are on their way when the time is over are waited for and not counted. If
// ctx ends earlier, the result covers the time until then. Progress, if not
// nil, is called once a second while measuring, with the operations so far.
func Run(ctx context.Context, s Settings, op Operation, progress func(time.Duration, uint64)) Result {
	r := &run{settings: s, op: op, latencies: newHistogram(direct)}
	var clients sync.WaitGroup
	for i := range s.Clients {
		clients.Go(func() { r.client(ctx, i) })
	}
	pause.For(ctx, s.Warmup)
	r.measuring.Store(true)
	began := time.Now()
	r.watch(ctx, began, progress)
	r.measuring.Store(false)
	elapsed := time.Since(began)
	r.ended.Store(true)
	clients.Wait()
	return Result{
		Elapsed: elapsed, Ops: r.latencies.count(), Errors: r.errors.Load(),
		P50: r.latencies.quantile(0.50), P99: r.latencies.quantile(0.99),
		FirstError: r.firstErr,
	}
}

// client is one closed loop.
func (r *run) client(ctx context.Context, i int) {
	for !r.ended.Load() && ctx.Err() == nil {
		began := time.Now()
		err := r.op(ctx, i)
		took := time.Since(began)
		counts := r.measuring.Load()
		switch {
		case err == nil && counts:
			r.latencies.add(took)
		case err != nil && ctx.Err() == nil:
			if counts {
				r.errors.Add(1)
			}
			r.once.Do(func() { r.firstErr = err })
			pause.For(ctx, r.settings.Pause)
		}
	}
}

// watch waits until the measured time is over and reports progress.
func (r *run) watch(ctx context.Context, began time.Time, progress func(time.Duration, uint64)) {
	end := time.NewTimer(r.settings.Duration)
	defer end.Stop()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case <-second.C:
			if progress != nil {
				progress(time.Since(began), r.latencies.count())
			}
		}
	}
}

// Errors of Validate.
var (
	errClients  = errors.New("needs at least one client")
	errDuration = errors.New("needs a duration above 0")
)

// Validate reports what is wrong with the settings.
func (s Settings) Validate() error {
	switch {
	case s.Clients < 1:
		return errClients
	case s.Duration <= 0:
		return errDuration
	}
	return nil
}
