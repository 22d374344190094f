package pace

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// ended is a context that is over.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// There are places for as many snapshots as asked for, unless the rate is too
// low for so many; and for one at least.
func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		rate    int64
		most    int
		silence time.Duration
		want    int
	}{
		{0, 4, 5 * time.Second, 4},
		{0, 64, time.Nanosecond, 64},
		{MinRate, 4, 5 * time.Second, 2},
		{MinRate, 1, 5 * time.Second, 1},
		{MinRate, 4, time.Second, 1},
		{2 * MinRate, 64, 5 * time.Second, 5},
		{100 << 20, 4, 5 * time.Second, 4},
		{math.MaxInt64, 64, math.MaxInt64, 64},
	} {
		p := New(c.rate, c.most, c.silence)
		for n := range c.want {
			if err := p.Enter(ended()); err != nil {
				t.Fatalf("%+v: snapshot %d: %v, though there is a place", c, n, err)
			}
		}
		if err := p.Enter(ended()); !errors.Is(err, context.Canceled) {
			t.Errorf("%+v: one more: %v", c, err)
		}
		p.Leave()
		if err := p.Enter(ended()); err != nil {
			t.Errorf("%+v: after one has left: %v", c, err)
		}
	}
}

// However many snapshots there are to be sent at the least rate, each that has
// begun gets its steps before its receiver gives it up.
func TestEachSnapshotGetsAStepInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const silence = 5 * time.Second
		p := New(MinRate, 64, silence)
		var running sync.WaitGroup
		for range 64 {
			running.Go(func() {
				if err := p.Enter(context.Background()); err != nil {
					t.Error(err)
					return
				}
				defer p.Leave()
				for range 5 {
					before := time.Now()
					p.Spend(context.Background(), len(p.Step(make([]byte, 4*Step))))
					// A Deadline is moved late by at most an eighth.
					if gap := time.Since(before); gap >= silence-silence/8 {
						t.Errorf("nothing for %v", gap)
					}
				}
			})
		}
		running.Wait()
	})
}
