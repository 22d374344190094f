package node

import (
	"testing"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// However often a transport says the same of its peers, and however many strangers it
// names, the mailbox of a raft goroutine that is busy elsewhere does not grow with it.
// What was said is taken in.
func TestWhatTransportsSayOfPeersIsBounded(t *testing.T) {
	n := follower(t)
	const repeated = 10_000
	for range repeated {
		n.PeersLost(2, 3)
		n.PeerMet(2)
		n.PeerGreeted(2, 77)
	}
	if got := len(n.box.in.peers); got != 4 {
		t.Errorf("%d events wait, of which 4 differ", got)
	}
	for i := range 10 * maxWaitingEvents {
		n.PeerGreeted(member.ID(100+i), 5)
	}
	if got := len(n.box.in.peers); got > maxWaitingEvents {
		t.Errorf("%d events wait, at most %d may", got, maxWaitingEvents)
	}
	if n.box.in.dropped == 0 {
		t.Error("what was dropped is not counted")
	}
	in := n.box.take(inputs{})
	if err := n.takeIn(&in, false); err != nil {
		t.Fatal(err)
	}
	if got := n.core.registrar.known[2]; got != 77 {
		t.Errorf("member 2 is known by store %d, it showed 77", got)
	}
	if !n.core.firstElection.met[2] {
		t.Error("member 2 was not met")
	}
	if spare := in.empty(); len(spare.peers) != 0 {
		t.Errorf("%d events are taken in again", len(spare.peers))
	}
}
