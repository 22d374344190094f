package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// drainTime is how long writes still in flight at the end of the measured time may take before
	// they are cancelled.
	drainTime = 15 * time.Second
	// errorPause keeps a client whose write was refused from spinning.
	errorPause = 5 * time.Millisecond
	// A load of a number of writes that does not come to its end is ended after writesTime.
	writesTime = 10 * time.Minute
)

// load is a closed loop: each client sends its next write when the one before was acknowledged.
type load struct {
	clients  int
	size     int
	warmup   time.Duration
	duration time.Duration
	// With writes the load consists of that many: it has no warm-up, and the last write ends it instead
	// of the duration. 0 means no such number.
	writes int
}

// measurement is what a load observed during its measured time.
type measurement struct {
	seconds float64
	// latencies has one element for each acknowledged write, in ascending order.
	latencies []time.Duration
	// errors counts writes that were refused or whose outcome is unknown.
	errors int
}

// run puts the load on s. A write counts when its acknowledgement arrives within the measured time, so
// neither the warm-up nor the last writes in flight are counted; of a number of writes, all count. It fails
// when no write was acknowledged.
func (l load) run(ctx context.Context, s system) (measurement, error) {
	if l.writes > 0 {
		l.warmup, l.duration = 0, writesTime
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A cancel at the end, not a deadline: gRPC would send a deadline along with each write.
	defer time.AfterFunc(l.warmup+l.duration+drainTime, cancel).Stop()

	from := time.Now().Add(l.warmup)
	var sent atomic.Int64
	next := func() bool { return l.writes == 0 || sent.Add(1) <= int64(l.writes) }
	loops := make([]clientLoop, l.clients)
	var wg sync.WaitGroup
	for i := range loops {
		loops[i] = clientLoop{client: i, value: randomValue(i, l.size), next: next, from: from, until: from.Add(l.duration)}
		wg.Go(func() { loops[i].run(ctx, s) })
	}
	wg.Wait()

	m := measurement{seconds: l.duration.Seconds()}
	if l.writes > 0 {
		m.seconds = time.Since(from).Seconds()
	}
	var failures []error
	for i := range loops {
		m.latencies = append(m.latencies, loops[i].latencies...)
		m.errors += loops[i].errors
		failures = append(failures, loops[i].lastError)
	}
	slices.Sort(m.latencies)
	if len(m.latencies) == 0 {
		return m, fmt.Errorf("no write was acknowledged within %v: %w", l.duration, firstError(failures))
	}
	return m, nil
}

// clientLoop is one closed-loop client. Only its own goroutine touches it until run has returned.
type clientLoop struct {
	client      int
	value       []byte
	next        func() bool // takes one of the writes that are left to all clients
	from, until time.Time

	latencies []time.Duration
	errors    int
	lastError error
}

// run writes one key after the other until no write is left, the measured time is over or ctx is done.
func (c *clientLoop) run(ctx context.Context, s system) {
	var key []byte
	for sequence := 0; ctx.Err() == nil && c.next(); sequence++ {
		key = fmt.Appendf(key[:0], "key-%04d-%06d", c.client, sequence)
		sent := time.Now()
		err := s.Propose(ctx, c.client, key, c.value)
		acknowledged := time.Now()
		if !acknowledged.Before(c.until) {
			return
		}
		counted := !acknowledged.Before(c.from)
		switch {
		case err == nil && counted:
			c.latencies = append(c.latencies, acknowledged.Sub(sent))
		case err != nil:
			c.lastError = err
			if counted {
				c.errors++
			}
			time.Sleep(errorPause)
		}
	}
}

// randomValue returns a value that compresses badly, the same in each run.
func randomValue(client, size int) []byte {
	source := rand.New(rand.NewPCG(uint64(client), 0))
	value := make([]byte, size)
	for i := range value {
		value[i] = byte(source.Uint32())
	}
	return value
}

// firstError returns the first error that is not nil, or one that says that there was none.
func firstError(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return errors.New("the clients saw no error either")
}

// opsPerSecond is the throughput of acknowledged writes.
func (m measurement) opsPerSecond() float64 {
	return float64(len(m.latencies)) / m.seconds
}

// percentile is the exact percentile by nearest rank: the smallest observed latency that at least the
// fraction p of all observed latencies do not exceed.
func (m measurement) percentile(p float64) time.Duration {
	if len(m.latencies) == 0 {
		return 0
	}
	rank := int(math.Ceil(p * float64(len(m.latencies))))
	return m.latencies[max(rank, 1)-1]
}
