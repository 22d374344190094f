package owntime

import (
	"testing"
	"testing/synctest"
	"time"
)

// A process that was there for every step has waited for all of them.
func TestStepsOnTimeCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := Begin(10 * time.Millisecond)
		var waited time.Duration
		for _, pause := range []time.Duration{10, 12, 29} {
			<-time.After(pause * time.Millisecond)
			counts, late := w.Pass()
			if waited += counts; late != 0 {
				t.Errorf("a step of %d ms is %v late", pause, late)
			}
		}
		if waited != 51*time.Millisecond {
			t.Errorf("waited %v", waited)
		}
	})
}

// One that was away for an hour has waited for one step.
func TestTimeAwayDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := Begin(10 * time.Millisecond)
		<-time.After(time.Hour)
		counts, late := w.Pass()
		if counts != 10*time.Millisecond || late != time.Hour-10*time.Millisecond {
			t.Errorf("%v count, %v late", counts, late)
		}
	})
}

// A call without an answer does not grow older while this process is away, and
// one that begins later is not affected by that.
func TestAnAgeIsThatOfTheTimeHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAge(time.Second)
		began := time.Now()
		for range 5 {
			<-time.After(time.Second)
			if own := a.Own(time.Since(began)); own != time.Since(began) {
				t.Errorf("%v of %v count", own, time.Since(began))
			}
		}
		<-time.After(time.Hour)
		if own := a.Own(time.Since(began)); own != 6*time.Second {
			t.Errorf("%v count after an hour away", own)
		}
		if own := a.Own(time.Second); own != time.Second {
			t.Errorf("%v count of another second", own)
		}
	})
}

// An absence during which nothing was asked takes nothing from what is asked later: a
// call that hangs after it is as old as it is.
func TestAnAbsenceBeforeACallIsNotTakenFromIt(t *testing.T) {
	for name, during := range map[string]time.Duration{"begun after it": 0, "begun at the end of it": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := NewAge(time.Second)
				for range 3 { // idle, and away again and again
					<-time.After(time.Hour)
					if own := a.Own(during); own != 0 {
						t.Errorf("%v of %v count", own, during)
					}
				}
				for n := range 5 {
					<-time.After(time.Second)
					here := time.Duration(n+1) * time.Second
					if own := a.Own(during + here); own != here {
						t.Errorf("%v of %v count", own, here)
					}
				}
			})
		})
	}
}
