package node

import (
	"errors"
	"fmt"
	"testing"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

func heartbeatFrom(id uint64) *pb.Message {
	return &pb.Message{Type: pb.MsgHeartbeatResp.Enum(), From: new(id), To: new(uint64(1))}
}

// newPair is a simulation of two voters of which node 1 leads.
func newPair(t *testing.T) *sim {
	t.Helper()
	s := newSim(t, 1)
	for id := member.ID(1); id <= 2; id++ {
		s.add(id, []member.Member{voter(1), voter(2)})
	}
	one := s.nodes[0]
	for range 100 {
		if one.core.leads() && one.core.reigns() && s.quiet() {
			return s
		}
		one.check(one.core.Tick())
		s.runDry()
	}
	t.Fatal("node 1 does not lead")
	return nil
}

// deliverFirst takes the oldest message to its receiver; it returns false if there
// is none.
func (s *sim) deliverFirst() bool {
	if len(s.wire) == 0 {
		return false
	}
	m := s.wire[0]
	s.wire = s.wire[1:]
	msg, g, err := decodeAll(m.payload, s.nodes[m.to-1].core.limits)
	if err != nil {
		s.t.Fatal(err)
	}
	s.nodes[m.to-1].check(ignoreRefusal(s.nodes[m.to-1].core.stepAny(msg, g)))
	return true
}

// advance does one thing that waits: a message, an append, an apply. It
// returns false if nothing does.
func (s *sim) advance() bool {
	if s.deliverFirst() {
		return true
	}
	for _, n := range s.nodes {
		if len(n.appends) > 0 {
			n.finishAppend(1)
			return true
		}
		if len(n.applies) > 0 {
			n.finishApply()
			return true
		}
	}
	return false
}

func ignoreRefusal(err error) error {
	if errors.Is(err, ErrFailed) {
		return err
	}
	return nil
}

func (s *sim) quiet() bool {
	for _, n := range s.nodes {
		if len(n.appends)+len(n.applies) > 0 {
			return false
		}
	}
	return len(s.wire) == 0
}

func (s *sim) runDry() {
	for s.advance() {
	}
}

// A removal that was answered, or that the removed member has heard of, is
// remembered whenever the survivor crashes: it is elected again, alone.
func TestAnsweredRemovalSurvivesACrashAtAnyPoint(t *testing.T) {
	answered := 0
	for point := 0; ; point++ {
		s := newPair(t)
		one, two := s.nodes[0], s.nodes[1]
		one.check(one.core.ProposeChange(changeID, leaving(2), nil))
		ended := false
		for range point {
			if ended = !s.advance(); ended {
				break
			}
		}
		_, in := two.core.Registry().Member(2)
		handed := len(one.applies) > 0 || one.taken != nil && len(one.taken.Voters()) == 1
		known := len(one.core.Registry().Voters()) == 1 && handed || !in
		one.appends = nil // all that was under way is lost
		one.boot()
		s.wire = nil
		if known {
			answered++
			one.live(100)
			if !one.core.leads() {
				t.Errorf("crash after %d steps: the survivor of the removal has voters %v and never leads", point, one.core.Registry().Voters())
			}
		}
		if ended {
			break
		}
	}
	if answered < 2 {
		t.Errorf("the removal was known at %d of all points", answered)
	}
}

// live lets time pass at one node alone; its disk and state machine work.
func (n *simNode) live(ticks int) {
	for range ticks {
		n.check(n.core.Tick())
		for len(n.appends)+len(n.applies) > 0 {
			n.finishAppend(len(n.appends))
			n.finishApply()
		}
	}
}

// No member is told that a change is committed before this is durable here;
// then all are, and the removed member too.
func TestPeersHearOfAChangeWhenItIsDurable(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.must(n.core.ProposeChange(changeID, leaving(3), nil))
	n.settle()
	index := n.core.lastIndex()
	ack := &pb.Message{Index: new(index), Type: pb.MsgAppResp.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(n.term)}
	n.must(n.core.Step(ack))
	ack = &pb.Message{Index: new(index), Type: pb.MsgAppResp.Enum(), From: new(uint64(3)), To: new(uint64(1)), Term: new(n.term)}
	n.must(n.core.Step(ack))
	n.must(n.core.Tick())
	out := n.core.Output()
	if len(out.Applies) != 0 {
		t.Error("the change is put out for apply before its commit is durable")
	}
	if _, in := n.core.Registry().Member(3); !in {
		t.Error("the change has taken effect before its commit is durable")
	}
	told := func(messages []*pb.Message) map[uint64]bool {
		all := map[uint64]bool{}
		for _, m := range messages {
			all[m.GetTo()] = all[m.GetTo()] || m.GetCommit() >= index
		}
		return all
	}
	if told(decoded(t, n.core, out))[2] || told(decoded(t, n.core, out))[3] {
		t.Error("a peer was told")
	}
	synced := false
	for _, a := range out.Appends {
		synced = synced || a.Batch.HardState.Commit >= index && a.Batch.MustSync
		n.must(n.core.AppendDone(a.Number))
	}
	if !synced {
		t.Fatal("the commit index is not put out for the disk")
	}
	out = n.core.Output()
	if all := told(decoded(t, n.core, out)); !all[2] || !all[3] {
		t.Errorf("told when it is durable: %v", all)
	}
	if _, in := n.core.Registry().Member(3); in || len(out.Applies) == 0 {
		t.Error("the change has no effect")
	}
}

func decoded(t *testing.T, c *Core, out Output) (all []*pb.Message) {
	t.Helper()
	for _, e := range out.Messages {
		m, err := decode(e.Payload, c.limits)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// flushed are ports that take what is put out for the disk.
type flushed struct {
	Ports
	appends []Append
}

func (f *flushed) Append(a Append) { f.appends = append(f.appends, a) }

// A commit index that is only in memory is put out when the node is told to
// end, and synced.
func TestOrderlyEndWritesTheCommitIndex(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.live(1, 2, 3)
	n.must(n.core.Propose([]Proposal{NewProposal(changeID, []byte("x"))}))
	n.settle()
	n.ack(2)
	commit := n.core.raft.BasicStatus().GetCommit()
	ports := &flushed{}
	stop := make(chan struct{})
	close(stop)
	node := New(n.core, ports)
	n.must(node.Run(stop, make(chan time.Time)))
	if len(ports.appends) != 1 || ports.appends[0].Batch.HardState.Commit != commit || !ports.appends[0].Batch.MustSync {
		t.Errorf("put out: %s, the commit index is %d", fmt.Sprint(ports.appends), commit)
	}
}
