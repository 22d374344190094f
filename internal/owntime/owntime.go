// Package owntime tells how much of a wait this process was there for. Another
// process is not late as long as the one that waits does not run: it was suspended,
// its goroutines wait for a processor, or the machine stands still.
package owntime

import (
	"runtime"
	"time"
)

// slack is for how many steps a Pass may come late and still count in full: a
// machine that has other things to do does not stand still.
const slack = 3

// A Watch measures a wait in steps. It belongs to one goroutine.
type Watch struct {
	step time.Duration
	last time.Time
}

// Begin begins to measure a wait of which Pass is called every step.
func Begin(step time.Duration) *Watch { return &Watch{step: step, last: time.Now()} }

// Pass returns how much of the time since the last call counts, and how much
// does not. After a call on time that is all of it; after one that comes late,
// because this process did not run meanwhile, it is one step. It first goes to
// the end of the queue of goroutines that are ready: a goroutine that a timer wakes
// overtakes those that a connection wakes, and so would know nothing of what
// they wait for.
func (w *Watch) Pass() (counts, late time.Duration) {
	runtime.Gosched()
	now := time.Now()
	took := now.Sub(w.last)
	w.last = now
	if took > slack*w.step {
		return w.step, took - w.step
	}
	return took, 0
}

// An Age is that of something that others have not answered, less the time in
// which this process was not there to hear an answer. It belongs to one
// goroutine.
type Age struct {
	watch     *Watch
	age, away time.Duration
}

// NewAge returns an Age that is asked every step.
func NewAge(step time.Duration) *Age { return &Age{watch: Begin(step)} }

// Own returns what of an age counts; 0 is that of nothing. One that is smaller than the
// last one is that of something else. No more than the whole of it is time away: what
// began after an absence, or during it, has nothing of the rest.
func (a *Age) Own(age time.Duration) time.Duration {
	_, late := a.watch.Pass()
	if age < a.age {
		a.away = 0
	}
	a.age = age
	a.away = min(a.away+late, age)
	return age - a.away
}
