package node

import (
	"errors"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
)

// An order to campaign may be the first that a member hears of its leader: it has
// just started, or had no part in the election. But while a leader is known no
// other member gives such an order, and none hands over a term that is far away.
func TestAnOrderToCampaignIsTheLeaders(t *testing.T) {
	for name, c := range map[string]struct {
		led   bool // by member 2
		from  uint64
		ahead uint64 // of the member's own term
		taken bool
	}{
		"the first word of the term's leader": {from: 2, taken: true},
		"of a leader elected by others":       {from: 2, ahead: 1, taken: true},
		"of the known leader":                 {led: true, from: 2, taken: true},
		"of another one":                      {led: true, from: 3},
		"in a term far away":                  {from: 2, ahead: termSlack + 1},
		"far away, of the known leader":       {led: true, from: 2, ahead: termSlack + 1},
	} {
		t.Run(name, func(t *testing.T) {
			n := newVoters(t, 3)
			if c.led {
				n.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(2)), Commit: new(uint64(0))})
			}
			term := n.core.term
			err := n.core.Step(&pb.Message{
				Type: pb.MsgTimeoutNow.Enum(), From: new(c.from), To: new(uint64(1)), Term: new(term + c.ahead),
			})
			if taken := n.core.term > term; taken != c.taken || errors.Is(err, ErrInvalidMessage) == c.taken {
				t.Errorf("term %d after %d, %v", n.core.term, term, err)
			}
		})
	}
}
