package lifetime

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// The end waits for what is counted, also for what such a one starts after the end
// has begun; nothing else starts then. Its resources are released after that.
func TestEndWaitsForWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New()
		var stopped, released, forked atomic.Bool
		hold := make(chan struct{})
		if !l.Go(func() {
			<-l.Context().Done()
			l.Fork(func() {
				<-hold
				forked.Store(true)
			})
		}) || !l.Enter() {
			t.Fatal("refused before the end")
		}
		end := func() {
			l.End(func() { stopped.Store(true) }, func() { released.Store(forked.Load()) })
		}
		end()
		end() // has no effect
		synctest.Wait()
		if !stopped.Load() || released.Load() {
			t.Error("not stopped, or released while something runs")
		}
		if l.Enter() || l.Go(func() { t.Error("began after the end") }) {
			t.Error("something began after the end")
		}
		close(hold)
		synctest.Wait()
		select {
		case <-l.Finished():
			t.Error("finished while a call is counted")
		default:
		}
		l.Leave()
		<-l.Finished()
		if !released.Load() {
			t.Error("not released, or before all had ended")
		}
	})
}
