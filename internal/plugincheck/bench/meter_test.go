package bench

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
)

// The first fifth of a slice warms up: its units do not count.
func TestAMeterWarmsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		rate, err := repeat(t.Context(), 10*time.Second, 1e9, func(context.Context) (float64, error) {
			if calls++; calls == 1 {
				time.Sleep(1900 * time.Millisecond)
				return 1, nil
			}
			time.Sleep(100 * time.Millisecond)
			return 50, nil
		})
		if err != nil || !near(rate, 500) || calls != 82 {
			t.Errorf("%v/s after %d calls, %v; want 500/s after 82", rate, calls, err)
		}
	})
}

// A slice ends after as many units as a plugin may have to keep, and a call that takes longer
// than a slice is measured all the same.
func TestASliceHasAnEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, x := range []struct {
			most float64
			each time.Duration
			want float64
		}{{100, time.Millisecond, 10_000}, {1e9, time.Minute, 10. / 60}} {
			rate, err := repeat(t.Context(), time.Second, x.most, func(context.Context) (float64, error) {
				time.Sleep(x.each)
				return 10, nil
			})
			if err != nil || !near(rate, x.want) {
				t.Errorf("%v/s, %v; want %v/s", rate, err, x.want)
			}
		}
	})
}

// A fault names the rules for the time that has passed, and none if the plugin failed otherwise.
func TestAFaultNamesRulesOfTimeAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		late := inTime(t.Context(), time.Second, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		for _, x := range []struct {
			err   error
			rules int
		}{{late, 1}, {&catalog.StartError{Cause: errors.New("no line")}, 1}, {errors.New("refused"), 0}} {
			err := new(run).fault(1, &place{}, "its first answers", []string{"P-5"}, x.err)
			var f *Fault
			if !errors.As(err, &f) || len(f.Rules) != x.rules || !f.Shipped || !errors.Is(err, ErrNotMeasured) || !errors.Is(err, x.err) {
				t.Errorf("%v has the rules %v, want %d", err, f.Rules, x.rules)
			}
		}
	})
}
