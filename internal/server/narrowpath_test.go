package server

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
)

// Refusals of this member itself say nothing of the path to the leader: a path that
// swallows proposals stays known.
func TestARefusalOfItsOwnHidesNoNarrowPath(t *testing.T) {
	for _, reason := range []error{node.ErrTooLate, node.ErrUnfit, node.ErrNoSpace} {
		t.Run(reason.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				w.leads(2, 5)
				for range minMisses {
					w.impatient("x")
				}
				w.see() // raft passes them on
				<-time.After(RequestTimeout(election) + 2*tick)
				if w.s.whyMissing(time.Now()) == "" {
					t.Fatal("it serves though the leader answers nothing: this shows nothing")
				}
				id, outcome := w.impatient("refused here")
				w.s.Rejected([]node.RequestID{id}, reason)
				<-outcome
				synctest.Wait()
				if w.s.whyMissing(time.Now()) == "" {
					t.Error("it serves again, though nothing was heard of what was passed on")
				}
			})
		})
	}
}
