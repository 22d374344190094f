package bucket_test

import (
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/bucket"
)

// A burst may be taken at once, then what becomes free, and never more than a burst.
func TestABurstAndThenTheRate(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	b := bucket.New(10, 25, now)
	for _, c := range []struct {
		passed time.Duration
		want   int
	}{
		{0, 25},
		{50 * time.Millisecond, 0},
		{50 * time.Millisecond, 1}, // halves are kept
		{time.Second, 10},
		{-500 * time.Millisecond, 0}, // one that read the clock before, and came after
		{500 * time.Millisecond, 0},
		{time.Second, 10},
		{time.Hour, 25},
	} {
		now = now.Add(c.passed)
		got := 0
		for b.Take(now) {
			got++
		}
		if got != c.want {
			t.Errorf("%v later: %d, want %d", c.passed, got, c.want)
		}
	}
}

// More may be spent than there is, and must come back first.
func TestMoreIsSpentThanThereIs(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	b := bucket.New(10, 25, now)
	for _, c := range []struct {
		spent int
		wait  time.Duration
	}{{25, 0}, {5, 500 * time.Millisecond}, {10, 1500 * time.Millisecond}} {
		if got := b.Spend(c.spent, now); got != c.wait {
			t.Errorf("after %d: %v, want %v", c.spent, got, c.wait)
		}
	}
	if now = now.Add(1500 * time.Millisecond); b.Take(now) {
		t.Error("one was left when nothing was owed any more")
	}
	if now = now.Add(100 * time.Millisecond); !b.Take(now) {
		t.Error("none came back")
	}
}

// One that gets less than one back in a second keeps the parts.
func TestOneAfterEachPeriod(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	b := bucket.Every(5*time.Second, 3, now)
	for _, c := range []struct {
		passed time.Duration
		want   int
	}{{0, 3}, {4 * time.Second, 0}, {time.Second, 1}, {11 * time.Second, 2}, {time.Hour, 3}} {
		now = now.Add(c.passed)
		got := 0
		for b.Take(now) {
			got++
		}
		if got != c.want {
			t.Errorf("%v later: %d, want %d", c.passed, got, c.want)
		}
	}
}

// A bucket that was left alone for long enough is as a new one, and says until
// then when there will be one.
func TestWhenThereIsOneAgain(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	b := bucket.New(4, 1, now)
	if !b.Full(now) || b.Wait() != 0 {
		t.Error("a new one is not full")
	}
	b.Take(now)
	if b.Full(now) || b.Wait() != 250*time.Millisecond {
		t.Errorf("full, or %v to wait", b.Wait())
	}
	if now = now.Add(250 * time.Millisecond); !b.Full(now) || !b.Take(now) {
		t.Error("after the wait there is none")
	}
}
