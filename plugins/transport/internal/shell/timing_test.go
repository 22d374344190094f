package shell

import (
	"testing"
	"time"
)

// Two processes of one member take a stream from each other by dialling, each as soon as
// it may. Heartbeats come as often as a process may dial, and reach the one that has the
// stream. Neither process goes without them for long, whatever the moment at which the
// second one began.
func TestTwoProcessesThatFightForAStreamBothHearHeartbeats(t *testing.T) {
	const (
		beats   = 5000
		longest = 400 // heartbeats in a row that one of the two may miss
	)
	timing := NewTiming(time.Second)
	for begins := time.Millisecond; begins < timing.Redial; begins += 7 * time.Millisecond {
		// The first one has the stream, and the second one dials for it at its time.
		dials := [2]time.Duration{0, begins} // the last one of the holder, and the next one of the other
		holder, missed, heard := 0, [2]int{}, [2]int{}
		for beat := range beats {
			now := time.Duration(beat) * timing.Redial
			for other := 1 - holder; dials[other] <= now; other = 1 - holder {
				dials[holder] = max(dials[other], dials[holder]+timing.Again())
				holder = other
			}
			heard[holder]++
			missed[holder] = 0
			if missed[1-holder]++; missed[1-holder] > longest {
				t.Fatalf("with the second one after %v: of %d heartbeats they hear %v, and one misses %d in a row", begins, beat, heard, longest)
			}
		}
	}
}

// No attempt comes before its time.
func TestAnAttemptKeepsItsDistance(t *testing.T) {
	timing := NewTiming(time.Second)
	for range 1000 {
		if got := timing.Again(); got < timing.Redial || got > 3*timing.Redial/2 {
			t.Fatalf("again after %v", got)
		}
	}
	if got := (Timing{}).Again(); got != 0 {
		t.Errorf("without a distance: again after %v", got)
	}
}
