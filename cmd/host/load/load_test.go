package load

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/pontoon-raft/pontoon/internal/pause"
)

// With a fake clock a closed loop is exact: 4 clients of 10 ms for 1 s are 400
// operations, and what the warm-up did does not count.
func TestClosedLoopCountsTheMeasuredTimeOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		s := Settings{Clients: 4, Warmup: time.Second, Duration: time.Second}
		var seen []uint64
		r := Run(t.Context(), s, func(context.Context, int) error {
			calls.Add(1)
			time.Sleep(10*time.Millisecond + time.Microsecond/2) // never at the same instant as the run's end
			return nil
		}, func(_ time.Duration, ops uint64) { seen = append(seen, ops) })
		if r.Elapsed != time.Second || r.Ops < 396 || r.Ops > 400 || r.Errors != 0 {
			t.Errorf("%+v", r)
		}
		if got := r.P50; got != 10*time.Millisecond+time.Microsecond {
			t.Errorf("p50 %v", got)
		}
		if calls.Load() < 2*int64(r.Ops)-8 {
			t.Errorf("%d calls; the warm-up should have had as many as the %d measured", calls.Load(), r.Ops)
		}
	})
}

func TestErrorsAreCountedApartAndPausedAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		s := Settings{Clients: 1, Duration: time.Second, Pause: 99 * time.Millisecond}
		r := Run(t.Context(), s, func(context.Context, int) error { return broken }, nil)
		if r.Ops != 0 || r.Errors < 10 || r.Errors > 11 || !errors.Is(r.FirstError, broken) || r.P99 != 0 {
			t.Errorf("%+v", r)
		}
	})
}

func TestInterruptedRunReportsWhatItHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		s := Settings{Clients: 2, Duration: time.Hour}
		r := Run(ctx, s, func(ctx context.Context, _ int) error {
			pause.For(ctx, 3*time.Millisecond)
			return ctx.Err()
		}, nil)
		if r.Elapsed != 500*time.Millisecond || r.Ops < 300 || r.Errors != 0 {
			t.Errorf("%+v", r)
		}
	})
}

// The histogram agrees with a sorted list.
func TestQuantilesAreExact(t *testing.T) {
	const direct = 64
	rapid.Check(t, func(t *rapid.T) {
		h := newHistogram(direct)
		micros := rapid.SliceOfN(rapid.IntRange(0, 3*direct), 1, 40).Draw(t, "micros")
		for _, m := range micros {
			h.add(time.Duration(m) * time.Microsecond)
		}
		slices.Sort(micros)
		for _, q := range []float64{0.5, 0.99, 1} {
			want := time.Duration(micros[int(math.Ceil(q*float64(len(micros))))-1]) * time.Microsecond
			if got := h.quantile(q); got != want {
				t.Fatalf("quantile %v is %v, want %v of %v", q, got, want, micros)
			}
		}
	})
}

func TestSettingsAreChecked(t *testing.T) {
	for _, s := range []Settings{{Clients: 0, Duration: 1}, {Clients: 1}} {
		if s.Validate() == nil {
			t.Errorf("%+v is accepted", s)
		}
	}
}
