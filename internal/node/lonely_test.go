package node

import (
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
)

// A member is lonely while it hears neither a leader nor a majority of the voters:
// not while it leads, follows, or hears others that elect no leader.
func TestAMemberIsLonelyWithoutALeaderAndAMajority(t *testing.T) {
	for name, c := range map[string]struct {
		each   func(n *trio)
		lonely bool
	}{
		"it hears nobody":   {each: func(*trio) {}, lonely: true},
		"it hears a leader": {each: func(n *trio) { _ = n.takes(led{from: 2, term: 5}) }},
		"it leads": {each: func(n *trio) {
			if !n.core.leads() {
				n.elect()
			}
			n.from(2, pb.MsgHeartbeatResp, &pb.Message{})
		}},
		"it hears one of two others": {each: func(n *trio) { n.from(2, pb.MsgPreVote, &pb.Message{Term: new(n.core.term + 1)}) }},
		"it hears a caller":          {each: func(n *trio) { n.from(99, pb.MsgPreVote, &pb.Message{Term: new(n.core.term + 1)}) }, lonely: true},
	} {
		t.Run(name, func(t *testing.T) {
			n := newTrio(t)
			for range 30 {
				c.each(n)
				n.ticks(1)
			}
			if lonely := n.core.hearing.ticks - n.core.hearing.met; lonely != map[bool]uint64{true: 30}[c.lonely] {
				t.Errorf("lonely for %d of 30 ticks", lonely)
			}
		})
	}
	t.Run("it knows of a leader that it does not hear", func(t *testing.T) {
		n := newTrio(t)
		n.follow()
		n.core.lead = 2
		n.core.cfg.ElectionTicks = 10
		for range 40 {
			n.core.hearing.notice(n.core)
		}
		if lonely := n.core.hearing.ticks - n.core.hearing.met; lonely != 30 {
			t.Errorf("lonely for %d of 40 ticks, and the leader was heard at the first", lonely)
		}
	})
}
