package core

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// takeTicks takes from a clock for a while, each tick at once, and returns how many
// there were.
func takeTicks(c *clock, lasts time.Duration) (n int) {
	for began := time.Now(); time.Since(began) < lasts; n++ {
		<-c.ticks
	}
	return n
}

// withClock runs a test with the clock of the default timings, in time that a machine
// has no part in.
func withClock(t *testing.T, test func(t *testing.T, c *clock)) {
	synctest.Test(t, func(t *testing.T) {
		c, ended := newClock(100*time.Millisecond, time.Second), make(chan struct{})
		ctx, stop := context.WithCancel(t.Context())
		go func() {
			defer close(ended)
			c.run(ctx)
		}()
		test(t, c)
		stop()
		<-ended
	})
}

// A4: no tick is lost while the raft goroutine is late for some: after it has been busy
// for three and a half ticks, again and again, raft's clock is where time is.
func TestA4TheClockLosesNoTickOfABusyNode(t *testing.T) {
	withClock(t, func(t *testing.T, c *clock) {
		began, n := time.Now(), 0
		for range 20 {
			<-time.After(350 * time.Millisecond) // busy
			n += takeTicks(c, 350*time.Millisecond)
		}
		if passed := int(time.Since(began) / c.tick); n < passed-1 || n > passed+1 {
			t.Errorf("%d ticks in a time of %d", n, passed)
		}
	})
}

// After a pause of its own a node has not heard its peers: it is owed half an election
// timeout, so that it campaigns no sooner than they are silent.
func TestTheClockOwesNoElection(t *testing.T) {
	withClock(t, func(t *testing.T, c *clock) {
		<-time.After(time.Minute)
		if n := takeTicks(c, 250*time.Millisecond); n < 5 || n > 8 {
			t.Errorf("%d ticks in a quarter of a second after a minute's pause, want the 5 of half an election, and 3", n)
		}
	})
}

// On time it ticks as time does.
func TestTheClockTicksAsTimeDoes(t *testing.T) {
	withClock(t, func(t *testing.T, c *clock) {
		if n := takeTicks(c, 100*time.Second); n < 999 || n > 1001 {
			t.Errorf("%d ticks in 1,000", n)
		}
	})
}
