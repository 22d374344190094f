package node

import (
	"encoding/binary"
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
	l.must(l.core.Step(&pb.Message{
		Type: pb.MsgProp.Enum(), From: new(uint64(2)), To: new(uint64(1)), Reject: new(true),
		Context: binary.BigEndian.AppendUint64(nil, 1),
	}))
	if got := l.forwards(n); got != 1 {
		t.Errorf("%d are forwarded after the leader has dropped one", got)
	}
	entries := proposalEntries([][]byte{manyProposals(2, size)[1].data, manyProposals(3, size)[2].data})
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
	if left := len(n.Withdraw(func(RequestID) bool { return true })); left != 3*share-3 {
		t.Errorf("%d wait, want %d", left, 3*share-3)
	}
}

// What was lost on its way does not take room for ever: an election after a loss
// that was reported, a few elections otherwise, and not beyond a leader's reign.
func TestWhatIsLostGivesItsRoomBack(t *testing.T) {
	for name, end := range map[string]func(l *trio){
		"reported": func(l *trio) {
			l.must(l.core.Unreachable(2))
			l.led(l.core.cfg.ElectionTicks)
		},
		"nothing heard": func(l *trio) { l.led(2 * windowTurn * l.core.cfg.ElectionTicks) },
		"another leader": func(l *trio) {
			l.from(3, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(3)), Commit: new(uint64(0))})
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, n := windowed(t, 40, 1<<20)
			if got := l.forwards(n); got != 8 {
				t.Fatalf("%d are forwarded, want 8", got)
			}
			end(l)
			if got := l.forwards(n); got != 8 || l.core.window.bytes < 8<<20 {
				t.Errorf("%d are forwarded then, %d bytes are on their way; want 8 more", got, l.core.window.bytes)
			}
		})
	}
}

// A leader puts no more of its own into the log than its window, though nothing is
// committed; what others forward has room beside that.
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
	l.must(n.stepMessage(forwarded(2, 1<<20)))
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
		l.core.window.reset()
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
			w.add([]Proposal{NewProposal(id, nil)})
			time.Sleep(50 * time.Millisecond)
			w.out(1, []Command{{ID: id, Index: number + 1}, {ID: RequestID{Origin: 2, Number: number}, Index: number + 2}})
			if w.reset(); w.bytes == 0 {
				t.Fatal("a committed proposal is forgotten")
			}
			w.applied(number + 1)
		}
		if d := w.latency.Round(time.Millisecond); d != 50*time.Millisecond || w.bytes != 0 {
			t.Errorf("the latency is %v, %d bytes are on their way", d, w.bytes)
		}
	})
}

// Proposals of peers that find the mailbox full are named, so that their origins
// can be told.
func TestTheOriginIsToldWhatFoundTheMailboxFull(t *testing.T) {
	n := follower(t)
	const size = maxWaitingForwarded / 4
	n.box.put(func(in *inputs) {
		for range 6 {
			in.add(forwarded(2, 100), gossip{}, size)
		}
		in.add(&pb.Message{Type: pb.MsgApp.Enum()}, gossip{}, size) // has room of its own
	})
	in := n.box.take(inputs{})
	if len(in.messages) != 5 || in.dropped != 2 || len(in.lost) != 2 {
		t.Fatalf("%d messages wait, %d were dropped with %d proposals; want 5, 2 and 2", len(in.messages), in.dropped, len(in.lost))
	}
	in.messages = nil
	if err := n.takeIn(&in, false); err != nil {
		t.Fatal(err)
	}
	if got := toldDropped(t, n, 2); len(got) != 2 || n.DroppedProposals() != 2 || n.Dropped() != 2 {
		t.Errorf("member 2 is told of %d drops, %d are counted, and %d messages; want two of each", len(got), n.DroppedProposals(), n.Dropped())
	}
}
