package node

import (
	"errors"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// pinged are pings of voters at the URLs that they have.
func pinged(reached map[member.ID]bool) Pings {
	p := Pings{}
	for id, ok := range reached {
		p[id] = Ping{URLs: voter(id).PeerURLs, Reached: ok}
	}
	return p
}

// movedTo are pings for an update of a member to where it is, or is not, reached.
func movedTo(id member.ID, reached bool, others map[member.ID]bool) Pings {
	p := pinged(others)
	p[id] = Ping{URLs: moving(id).Member.PeerURLs, Reached: reached}
	return p
}

// A voter that gets a new address counts for nothing until it was reached there: the
// connection that it has may be the last one. So do those that are not reached at
// the address that they have got before.
func TestANewAddressMustBeSeenToBeRight(t *testing.T) {
	type of = map[member.ID]bool
	renamed := moving(2)
	renamed.Member.Name, renamed.Member.PeerURLs = "other", nil
	more := moving(2)
	more.Member.PeerURLs = append(more.Member.PeerURLs, voter(2).PeerURLs...)
	for _, tc := range []struct {
		name   string
		voters int
		alive  []uint64
		change member.Change
		pings  Pings
		want   error
		says   string
	}{
		{"three there", 3, []uint64{2, 3}, moving(2), movedTo(2, false, of{3: true}), nil, ""},
		{"three there, nobody could ask", 3, []uint64{2, 3}, moving(2), nil, nil, ""},
		{"the second one of three", 3, []uint64{2, 3}, moving(2), movedTo(2, false, of{3: false}), ErrQuorumAtRisk, "not reached under the peer URLs that they have then: 2 (2), 3 (3)"},
		{"one of three is down", 3, []uint64{2}, moving(2), movedTo(2, false, nil), ErrQuorumAtRisk, "start its host at the new address first"},
		{"one of three is down, nobody could ask", 3, []uint64{2}, moving(2), nil, ErrQuorumAtRisk, "2 (2)"},
		{"one of three is down, and it is reached", 3, []uint64{2}, moving(2), movedTo(2, true, of{3: false}), nil, ""},
		{"one of two", 2, []uint64{2}, moving(2), movedTo(2, false, nil), ErrQuorumAtRisk, "2 (2)"},
		{"one of two, and it is reached", 2, []uint64{2}, moving(2), movedTo(2, true, nil), nil, ""},
		{"the leader of three that are there", 3, []uint64{2, 3}, moving(1), pinged(of{2: true, 3: true}), nil, ""},
		{"the leader, after the second one", 3, []uint64{2, 3}, moving(1), pinged(of{2: false, 3: true}), ErrQuorumAtRisk, "hand leadership over"},
		{"the leader of two", 2, []uint64{2}, moving(1), pinged(of{2: true}), ErrQuorumAtRisk, "hand leadership over"},
		{"the only voter", 1, nil, moving(1), nil, nil, ""},
		{"an address more", 3, []uint64{2}, more, nil, nil, ""},
		{"another name alone", 3, []uint64{2}, renamed, pinged(of{2: false}), nil, ""},
		{"the removal of another one", 3, []uint64{2, 3}, leaving(3), pinged(of{2: false}), ErrQuorumAtRisk, "not reached under the peer URLs that they have then: 2 (2); bring them back, or mend first"},
		{"the removal of that one", 3, []uint64{2, 3}, leaving(2), pinged(of{3: true}), nil, ""},
		{"asked under an address of before", 3, []uint64{2}, moving(2), Pings{2: {URLs: []string{"http://before:1"}, Reached: true}}, ErrTooEarly, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newVoters(t, tc.voters)
			n.elect()
			n.live(12, tc.alive...)
			err := n.core.ProposeChange(changeID, tc.change, tc.pings)
			if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%q does not say %q", err, tc.says)
			}
		})
	}
}

// A learner that is made a voter under another address than it has caught up
// under counts for nothing either.
func TestALearnerIsNotPromotedUnderAnAddressThatMayBeWrong(t *testing.T) {
	n := newVoters(t, 1)
	n.elect()
	stays := joining(2)
	stays.Member.Learner = true
	n.must(n.core.ProposeChange(changeID, stays, nil))
	n.settle()
	n.live(1, 2)
	n.ack(2)
	n.live(1, 2)
	elsewhere := joining(2)
	elsewhere.Member.PeerURLs = moving(2).Member.PeerURLs
	if err := n.core.ProposeChange(changeID, elsewhere, movedTo(2, false, nil)); !errors.Is(err, ErrQuorumAtRisk) {
		t.Errorf("got %v, want %v", err, ErrQuorumAtRisk)
	}
	n.must(n.core.ProposeChange(changeID, elsewhere, movedTo(2, true, nil)))
}
