package core

import (
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// A learner removes no member. The only voter takes every change itself: one that
// it has not applied did not happen, whatever a learner says of it.
func TestALearnersWordDoesNotRemoveTheOnlyVoter(t *testing.T) {
	i := foundedMember(t, 1, 1)
	i.h.toldRemoved(&transport.Event{Peer: 2, Index: 100, Term: 9})
	select {
	case <-i.h.Failed():
		t.Errorf("the only voter has ended: %v", i.h.Err())
	default:
	}
}
