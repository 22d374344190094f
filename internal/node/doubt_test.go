package node

import (
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
)

// asks sends node 1 a question for its vote, by a log as long as its own, and returns
// whether it gives it.
func (n *trio) asks(kind pb.MessageType, id, term uint64) bool {
	n.t.Helper()
	last := n.core.lastIndex()
	at, err := n.core.log.Term(last)
	n.must(err)
	n.out = Output{}
	n.from(id, kind, &pb.Message{Term: new(term), Index: new(last), LogTerm: new(at)})
	for _, e := range n.out.Messages {
		m, err := decode(e.Payload, n.core.limits)
		n.must(err)
		if m.GetTo() == id && m.GetTerm() == term && !m.GetReject() &&
			(m.GetType() == pb.MsgPreVoteResp || m.GetType() == pb.MsgVoteResp) {
			return true
		}
	}
	return false
}

// A node in doubt has a vote for the accuser alone, once that leads no longer, and only
// if its own run was vouched for. The lease of a leader that asks for votes is over.
func TestANodeInDoubtVotesForItsAccuserAlone(t *testing.T) {
	for name, c := range map[string]struct {
		before func(n *trio)
		asker  uint64
		term   uint64
		votes  bool
	}{
		"its leader, which accused it": {before: func(n *trio) {
			n.must(n.takes(n.follow()))
			_ = n.takes(led{from: 2, term: 5, commit: 1 << 40})
		}, asker: 2, term: 6, votes: true},
		"its leader, which another one accuses": {before: func(n *trio) {
			n.must(n.takes(n.follow()))
			_ = n.takes(led{from: 3, term: 6, commit: 1 << 40})
		}, asker: 2, term: 7},
		"the accuser, for the term of its word": {before: func(n *trio) {
			n.must(n.takes(n.follow()))
			_ = n.takes(led{from: 2, term: 6, commit: 1 << 40})
		}, asker: 2, term: 6},
		"the accuser of a run that heard no leader": {before: func(n *trio) {
			_ = n.takes(led{from: 2, term: 5, commit: 1 << 40})
		}, asker: 2, term: 6},
		"the accuser of a node that is barred besides": {before: func(n *trio) {
			n.must(n.takes(n.follow()))
			n.must(n.core.Bar(true))
			_ = n.takes(led{from: 2, term: 5, commit: 1 << 40})
		}, asker: 2, term: 6},
	} {
		for _, kind := range []pb.MessageType{pb.MsgPreVote, pb.MsgVote} {
			t.Run(name+", "+kind.String(), func(t *testing.T) {
				n := newTrio(t)
				c.before(n)
				if got := n.asks(kind, c.asker, c.term); got != c.votes {
					t.Errorf("it votes: %t", got)
				}
			})
		}
	}
}

// The accuser that leads in a later term counts on nothing from before, so the doubt
// ends with its first word; that of another one must last.
func TestALaterTermOfTheAccuserEndsTheDoubt(t *testing.T) {
	for name, c := range map[string]struct {
		leader uint64
		ends   bool
	}{"the accuser": {2, true}, "another one": {3, false}} {
		t.Run(name, func(t *testing.T) {
			n := newTrio(t)
			n.must(n.takes(n.follow()))
			_ = n.takes(led{from: 2, term: 5, commit: 1 << 40})
			if !n.core.isBarred() {
				t.Fatal("no doubt: this shows nothing")
			}
			if err := n.takes(led{from: c.leader, term: 6}); (err == nil) != c.ends || n.core.isBarred() == c.ends {
				t.Errorf("%v, barred: %t", err, n.core.isBarred())
			}
		})
	}
}

// The lease of the leader ends with a doubt that it has not denied: other members get
// this node's vote at once. One that goes on to lead keeps it.
func TestTheLeaseEndsWithTheDoubt(t *testing.T) {
	for name, c := range map[string]struct {
		accuser, term uint64
		speaks        bool // the leader, all the time
		votes         bool
	}{
		"the leader is silent":               {accuser: 2, term: 5, votes: true},
		"another one lies, while it speaks":  {accuser: 3, term: 6, speaks: true},
		"another one lies, and it is silent": {accuser: 3, term: 6, votes: true},
	} {
		t.Run(name, func(t *testing.T) {
			n := newTrio(t)
			well := n.follow()
			n.must(n.takes(well))
			_ = n.takes(led{from: c.accuser, term: c.term, commit: 1 << 40})
			if !n.core.isBarred() {
				t.Fatal("no doubt: this shows nothing")
			}
			for range vouchedElections*n.core.cfg.ElectionTicks + 1 {
				n.ticks(1)
				if c.speaks {
					_ = n.takes(well)
				}
			}
			if n.core.isBarred() {
				t.Fatal("the doubt lasts")
			}
			if got := n.asks(pb.MsgPreVote, 3, n.core.term+1); got != c.votes {
				t.Errorf("it votes: %t", got)
			}
		})
	}
}
