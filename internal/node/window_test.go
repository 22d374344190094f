package node

import (
	"testing"
	"testing/synctest"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"
)

// windowed is a follower of member 2 whose clients have n proposals of the given
// size waiting.
func windowed(t *testing.T, n, size int) (*trio, *Node) {
	t.Helper()
	l := newTrio(t)
	l.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(2)), Commit: new(uint64(0))})
	l.out.Messages = nil
	node := New(l.core, statePorts{})
	for _, p := range manyProposals(n, size) {
		node.Propose(p)
	}
	return l, node
}

// forwards hands in what there is room for, and returns how many proposals go to
// the leader.
func (l *trio) forwards(n *Node) (count int) {
	l.t.Helper()
	l.out.Messages = nil
	n.core.now = time.Now() // as a turn does
	_, err := n.handIn(nil)
	l.must(err)
	l.settle()
	for _, e := range l.out.Messages {
		m, err := decode(e.Payload, l.core.limits)
		l.must(err)
		count += len(m.GetEntries())
	}
	return count
}

// led lets so many ticks pass, in each of which the leader is heard.
func (l *trio) led(ticks int) {
	l.t.Helper()
	for range ticks {
		l.must(l.core.Tick())
		l.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(2)), Commit: new(uint64(0))})
	}
}

// A follower has a share of the leader's window on its way to it, however much
// its clients bring. The rest waits where it can be withdrawn, and goes when what
// went before was applied, or dropped by the leader.
func TestAFollowerForwardsWhatTheLeaderBears(t *testing.T) {
	const size = 1 << 18
	const share = windowBytes / 2 / size
	l, n := windowed(t, 4*share, size)
	if got := l.forwards(n); got != share {
		t.Fatalf("%d of %d proposals are forwarded, want %d: 8 MiB", got, 4*share, share)
	}
	if got := l.forwards(n); got != 0 {
		t.Errorf("%d more are forwarded though nothing was heard of the first ones", got)
	}
	l.must(l.core.StepForwarded(answerOf(l.core, 2, tooMany, batchAnswer{1, 0})))
	got := l.forwards(n)
	refused := len(l.out.Rejected[0].IDs)
	if got != refused {
		t.Errorf("%d are forwarded after the leader has refused %d", got, refused)
	}
	both := manyProposals(refused+2, size)[refused:]
	entries := proposalEntries([][]byte{both[0].plain(), both[1].plain()})
	for i, e := range entries {
		e.Term, e.Index = new(uint64(2)), new(l.core.lastIndex()+1+uint64(i))
	}
	last := l.core.lastIndex()
	l.from(2, pb.MsgApp, &pb.Message{
		Term: new(uint64(2)), LogTerm: new(uint64(l.core.log.terms.term(last))), Index: new(last), Commit: new(last + 2), Entries: entries,
	})
	if got := l.forwards(n); got != 0 {
		t.Errorf("%d are forwarded after two were committed, and not applied", got)
	}
	l.core.Applied(last + 2)
	if got := l.forwards(n); got != 2 {
		t.Errorf("%d are forwarded after two were applied", got)
	}
	if left := len(n.Withdraw(func(RequestID) bool { return true })); left != 3*share-refused-2 {
		t.Errorf("%d wait, want %d", left, 3*share-refused-2)
	}
}

// A leader puts no more of its own into the log than its window, though nothing is
// committed; proposals that others forward have room beside that.
func TestALeadersOwnProposalsWait(t *testing.T) {
	l := newVoters(t, 3, func(cfg *Config) { cfg.MaxUncommittedBytes = 64 << 20 })
	l.elect()
	n := New(l.core, statePorts{})
	for _, p := range manyProposals(40, 1<<20) {
		n.Propose(p)
	}
	before := l.core.lastIndex()
	_, err := n.handIn(nil)
	l.must(err)
	if got := l.core.lastIndex() - before; got != windowBytes>>20 {
		t.Errorf("%d of 40 MiB are in the log, want %d", got, windowBytes>>20)
	}
	l.must(l.core.StepForwarded(forwarded(l.core, 2, 1, 1<<20)))
	if got := l.core.lastIndex() - before; got != windowBytes>>20+1 {
		t.Errorf("%d MiB are in the log after another member has forwarded one", got)
	}
}

// While more waits than there is room for, those go that still have the time, and
// the others are rejected. While there is room all go.
func TestWhatWouldComeTooLateGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := windowed(t, 0, 0)
		l.core.window.latency = 100 * time.Millisecond
		ports := &rejecting{}
		n := New(l.core, ports)
		propose := func(count int) {
			for i, p := range manyProposals(count, 1<<20) {
				p.Until = time.Now().Add(time.Second)
				if i%2 == 0 {
					p.Until = time.Now().Add(99 * time.Millisecond)
				}
				n.Propose(p)
			}
		}
		propose(7)
		if got := l.forwards(n); got != 7 || len(ports.ids) > 0 {
			t.Fatalf("%d of 7 are forwarded and %d rejected, there is room for all", got, len(ports.ids))
		}
		l.core.window, l.core.forwarding = window{latency: l.core.window.latency}, forwarding{}
		propose(40)
		if got := l.forwards(n); got != 8 || len(ports.ids) != 8 {
			t.Errorf("%d are forwarded and %d rejected, want 8 of each", got, len(ports.ids))
		}
		for i, id := range ports.ids {
			if id.Number != uint64(2*i+1) {
				t.Errorf("request %d is rejected, it has the time", id.Number)
			}
		}
	})
}

// How long proposals are on their way is known from those that were applied. A
// change of the leader does not forget those that are committed.
func TestTheWindowKnowsTheLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w window
		for number := range uint64(100) {
			id := RequestID{Origin: 1, Number: number}
			w.add(1, []Proposal{NewProposal(id, nil)}, nil)
			time.Sleep(50 * time.Millisecond)
			w.out(1, []Command{{ID: id, Index: number + 1}, {ID: RequestID{Origin: 2, Number: number}, Index: number + 2}})
			if w.gone(2); w.bytes == 0 {
				t.Fatal("a committed proposal is forgotten")
			}
			w.applied(number + 1)
		}
		if d := w.latency.Round(time.Millisecond); d != 50*time.Millisecond || w.bytes != 0 {
			t.Errorf("the latency is %v, %d bytes are on their way", d, w.bytes)
		}
	})
}
