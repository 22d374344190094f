package bench

import (
	"math"
	"testing"
	"time"
)

// near tells whether two numbers differ by their last digits at most.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Abs(b) }

// The ratio is that of each round, so a machine that is slower for both in one of them changes
// nothing: its spread is 0.
func TestARatioIsThatOfEachRound(t *testing.T) {
	t.Parallel()
	r := newRow("append", "entries/s", []rates{{50, 100}, {5, 10}, {500, 1000}})
	if !near(r.Ratio, 0.5) || !near(1+r.RatioError, 1) || !near(r.Plugin, 50) || !near(r.Shipped, 100) {
		t.Errorf("%+v, want half as many, without a spread", r)
	}
}

// Twice as many in one round and half as many in another are as many: the mean is geometric.
// The standard error is that of the logarithms, as a part of the ratio.
func TestTheMeanIsGeometric(t *testing.T) {
	t.Parallel()
	r := newRow("append", "entries/s", []rates{{200, 100}, {50, 100}})
	// The logarithms are ±ln 2: their deviation is √2·ln 2, and that of the mean ln 2.
	if !near(r.Ratio, 1) || !near(r.RatioError, 1) || !near(r.Plugin, 100) {
		t.Errorf("%+v, want as many, with an error of a factor of 2", r)
	}
	if got, want := r.RatioText(), "1 ±100.0 %"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// One round has no spread, and is a row all the same.
func TestOneRoundIsARow(t *testing.T) {
	t.Parallel()
	if r := newRow("read", "entries/s", []rates{{3, 4}}); !near(r.Ratio, 0.75) || r.RatioError != 0 {
		t.Errorf("%+v", r)
	}
}

// A time is shared out among all measurements of both plugins. There are never so few rounds that
// they have no spread, and a long run has more rounds and not longer ones.
func TestATimeIsSharedOut(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		d            time.Duration
		measurements int
		rounds       int
		slice        time.Duration
	}{
		{600 * time.Millisecond, 1, 3, 100 * time.Millisecond},
		{36 * time.Second, 6, 10, 300 * time.Millisecond},
		{time.Hour, 6, 1000, 300 * time.Millisecond},
		{time.Second, 0, 3, time.Second / 6},
	} {
		if rounds, slice := roundsOf(x.d, x.measurements); rounds != x.rounds || slice != x.slice {
			t.Errorf("%v for %d measurements: %d rounds of %v, want %d of %v", x.d, x.measurements, rounds, slice, x.rounds, x.slice)
		}
	}
}
