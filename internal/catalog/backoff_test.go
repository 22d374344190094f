package catalog

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTheBackoffDoublesUpToItsMaximum(t *testing.T) {
	b := Backoff{Min: 100 * time.Millisecond, Max: time.Second}
	for exits, want := range []time.Duration{0, 100, 200, 400, 800, 1000, 1000} {
		if got := b.delay(exits, 1); got != want*time.Millisecond {
			t.Errorf("after %d exits, longest: %v", exits, got)
		}
		if got := b.delay(exits, 0); got != want*time.Millisecond/2 {
			t.Errorf("after %d exits, shortest: %v", exits, got)
		}
	}
}

func TestTheBackoffStaysInItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := time.Duration(rapid.Int64Range(1, 1<<40).Draw(t, "min"))
		b := Backoff{Min: low, Max: low + time.Duration(rapid.Int64Range(0, 1<<60).Draw(t, "more"))}
		exits := rapid.IntRange(1, 1_000_000).Draw(t, "exits")
		d := b.delay(exits, rapid.Float64Range(0, 0.999).Draw(t, "fraction"))
		if d < b.Min/2 || d > b.Max {
			t.Errorf("%+v after %d exits: %v", b, exits, d)
		}
	})
}

func TestOnlyExitsSoonAfterTheStartMakeACrashLoop(t *testing.T) {
	h := history{backoff: Backoff{Min: time.Second, Max: time.Minute}, crashLoop: CrashLoop{Exits: 2, Within: time.Minute}}
	now := time.Unix(1000, 0)
	exit := func(lived time.Duration) {
		started := now
		now = now.Add(lived)
		h.exited(started, now)
	}
	exit(time.Second)
	exit(time.Second)
	exit(time.Minute) // long enough: the count begins anew
	exit(time.Second)
	exit(time.Second)
	if h.failed {
		t.Error("failed after two early exits in a row, more than two are needed")
	}
	if wait := h.notBefore.Sub(now); wait < time.Second || wait > 2*time.Second {
		t.Errorf("wait after two early exits: %v", wait)
	}
	exit(time.Minute - 1)
	if !h.failed {
		t.Error("not failed after three early exits in a row")
	}
}

// A plugin that crashes on the same entry every quarter of a minute keeps
// crashing; one that gets further each time is only unlucky, and so is one that is
// killed once an hour.
func TestLivesWithoutProgressMakeACrashLoop(t *testing.T) {
	for name, tc := range map[string]struct {
		lived      time.Duration
		progressed bool
		failed     bool
	}{
		"same entry every 15 s":  {lived: 15 * time.Second, failed: true},
		"further every time":     {lived: 15 * time.Second, progressed: true},
		"further, and at once":   {lived: time.Millisecond, progressed: true},
		"idle, and once an hour": {lived: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			options, err := Options{}.withDefaults()
			if err != nil {
				t.Fatal(err)
			}
			h := history{backoff: options.Backoff, crashLoop: options.CrashLoop}
			now := time.Unix(1000, 0)
			for range options.CrashLoop.Exits + 1 {
				started := now
				now = now.Add(tc.lived)
				h.progressed = tc.progressed
				h.exited(started, now)
			}
			if h.failed != tc.failed {
				t.Errorf("failed: %t after %d exits", h.failed, options.CrashLoop.Exits+1)
			}
		})
	}
}
