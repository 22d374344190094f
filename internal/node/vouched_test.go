package node

import (
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
)

// A run that was vouched for, or has led, began with what the cluster counts on: it
// is barred for no longer than its accuser can lead in silence. One that was accused
// before is not vouched for by what another leader says then.
func TestAWordOfALossAgainstARunThatWasVouchedForIsBrief(t *testing.T) {
	for name, c := range map[string]struct {
		before func(n *trio)
		brief  bool
	}{
		"it follows a leader that says what is so": {before: func(n *trio) { n.must(n.takes(n.follow())) }, brief: true},
		"it has led":             {before: func(n *trio) { n.elect() }, brief: true},
		"it has heard no leader": {before: func(*trio) {}},
		"it is accused already":  {before: func(n *trio) { _ = n.takes(led{from: 2, term: 6, acknowledged: 1 << 40}) }},
		"a leader speaks after that": {before: func(n *trio) {
			well := n.follow()
			_ = n.takes(led{from: 3, term: 6, acknowledged: 1 << 40})
			_ = n.takes(well)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newTrio(t)
			c.before(n)
			if n.core.leads() {
				n.must(n.core.Step(&pb.Message{
					Type: pb.MsgHeartbeat.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(n.core.term + 1), Commit: new(uint64(0)),
				}))
			}
			_ = n.takes(led{from: 3, term: n.core.term + 5, acknowledged: 1 << 40})
			n.ticks(vouchedElections * n.core.cfg.ElectionTicks)
			if !n.core.isBarred() {
				t.Error("it votes early")
			}
			if n.ticks(1); n.core.isBarred() == c.brief {
				t.Errorf("barred: %t", n.core.isBarred())
			}
		})
	}
}
