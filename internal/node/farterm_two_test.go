package node

import (
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
)

// Of two voters, one that was away while the other one's term was moved far on
// comes back: no other member could show that term, and without this member
// none is elected.
func TestTheOnlyOtherVoterShowsATermFarAway(t *testing.T) {
	n := newVoters(t, 2)
	const far = uint64(3 * maxTermJump)
	var err error
	for range 100 * n.core.cfg.ElectionTicks {
		n.must(n.core.Tick())
		n.settle()
		n.out = Output{}
		err = n.core.Step(&pb.Message{
			Type: pb.MsgHeartbeat.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(far), Commit: new(uint64(0)),
		})
		n.settle()
		if err == nil {
			return
		}
	}
	t.Errorf("after a hundred elections it is in term %d and refuses the only other voter: %v", n.core.term, err)
}
