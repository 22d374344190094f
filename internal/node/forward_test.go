package node

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/member"
)

// stepAny steps a message as Node does.
func (c *Core) stepAny(m *pb.Message, g gossip) error {
	if m.GetType() == pb.MsgProp {
		return c.StepForwarded(heard{message: m, gossip: g})
	}
	return c.Step(m)
}

// headerOf is what goes with a MsgProp.
func headerOf(m *pluginv1.Message) gossip {
	return gossip{batch: batchHeader{
		number: m.Batch, oldest: m.OldestBatch, term: m.BatchTerm, incarnation: m.Incarnation, refusal: refusal(m.Refusal),
	}}
}

// forwarded is a batch of one proposal for the term of c.
func forwarded(c *Core, from, number uint64, size int) heard {
	p := NewProposal(RequestID{Origin: member.ID(from), Number: number}, make([]byte, size))
	return heard{
		message: &pb.Message{Type: pb.MsgProp.Enum(), From: new(from), To: new(uint64(1)), Entries: proposalEntries([][]byte{p.plain()})},
		gossip:  gossip{batch: batchHeader{number: number, oldest: 1, term: c.term, incarnation: 1}},
	}
}

// answerOf is what member from says of batches.
func answerOf(c *Core, from uint64, why refusal, list ...batchAnswer) heard {
	return heard{
		message: &pb.Message{Type: pb.MsgProp.Enum(), From: new(from), To: new(uint64(1)), Context: encodeAnswers(list)},
		gossip:  gossip{batch: batchHeader{term: c.term, incarnation: c.cfg.Incarnation, refusal: why}},
	}
}

// said is an answer that goes to a member.
type said struct {
	batchAnswer
	refusal refusal
}

// sent are the batches and the answers that have gone to a member, which are taken
// out.
func (l *trio) sent(to uint64) (batches []heard, answers []said) {
	l.t.Helper()
	l.settle()
	for _, e := range l.out.Messages {
		m, g, err := decodeAll(e.Payload, l.core.limits)
		l.must(err)
		switch {
		case m.GetType() != pb.MsgProp || e.To != to:
		case g.batch.number != 0:
			batches = append(batches, heard{message: m, gossip: g})
		default:
			for _, a := range decodeAnswers(m.GetContext()) {
				answers = append(answers, said{a, g.batch.refusal})
			}
		}
		if m.GetType() == pb.MsgProp && e.Class != pluginv1.MessageClass_CLASS_PROPOSAL {
			l.t.Errorf("a batch goes in class %v", e.Class)
		}
	}
	l.out.Messages = nil
	return batches, answers
}

func (l *trio) saidTo(to uint64) []said {
	l.t.Helper()
	_, answers := l.sent(to)
	return answers
}

// A leader takes each batch once, however often and in whichever order batches
// come, and says the same of it each time.
func TestALeaderTakesEachBatchOnce(t *testing.T) {
	l := newTrio(t)
	l.elect()
	last := l.core.lastIndex()
	first := map[uint64]uint64{}
	for _, number := range []uint64{2, 1, 2, 3, 1, 3} {
		l.must(l.core.StepForwarded(forwarded(l.core, 2, number, 10)))
		for _, a := range l.saidTo(2) {
			if at, ok := first[a.number]; ok && at != a.index || a.refusal != appended {
				t.Errorf("batch %d is said to be at %d, refusal %d; was at %d", a.number, a.index, a.refusal, at)
			}
			first[a.number] = a.index
		}
	}
	l.must(l.core.Tick())
	for _, a := range l.saidTo(2) {
		if at, ok := first[a.number]; ok && at != a.index {
			t.Errorf("batch %d is said to be at %d and at %d", a.number, at, a.index)
		}
		first[a.number] = a.index
	}
	if got := l.core.lastIndex() - last; got != 3 || len(first) != 3 || first[2] != last+1 || first[1] != last+2 || first[3] != last+3 {
		t.Errorf("%d entries for 3 batches, which are said to be at %v after %d", got, first, last)
	}
	second := forwarded(l.core, 2, 1, 10)
	second.gossip.batch.incarnation = 2
	l.must(l.core.StepForwarded(second))
	l.must(l.core.StepForwarded(forwarded(l.core, 2, 4, 10))) // of the process before
	if got := l.core.lastIndex() - last; got != 4 {
		t.Errorf("%d entries after a new process has sent one batch and the one before another", got)
	}
}

// A batch is for one term: a leader of a later one does not take it, and says that
// it never will be taken only if it knows.
func TestABatchIsForOneTerm(t *testing.T) {
	l := newTrio(t)
	l.elect()
	known, late := forwarded(l.core, 2, 1, 10), forwarded(l.core, 2, 2, 10)
	l.must(l.core.StepForwarded(known))
	l.saidTo(2)
	l.from(3, pb.MsgHeartbeat, &pb.Message{Term: new(l.term + 1), Commit: new(uint64(0))})
	last := l.core.lastIndex()
	l.must(l.core.StepForwarded(late))
	if got := l.saidTo(2); len(got) != 1 || got[0] != (said{batchAnswer{2, 0}, notLeading}) {
		t.Errorf("a batch that comes after the reign is answered with %v", got)
	}
	l.must(l.core.StepForwarded(known))
	if got := l.saidTo(2); len(got) != 1 || got[0].index == 0 || got[0].refusal != appended {
		t.Errorf("a batch of the reign that comes again is answered with %v", got)
	}
	older := forwarded(l.core, 2, 3, 10)
	older.gossip.batch.term = l.term - 1
	l.must(l.core.StepForwarded(older))
	l.must(l.core.StepForwarded(forwarded(l.core, 2, 4, 10))) // for the present term, which another leads
	if got := l.saidTo(2); len(got) != 0 {
		t.Errorf("of terms in which it did not lead it says %v", got)
	}
	if got := l.core.lastIndex(); got != last {
		t.Errorf("%d entries were appended", got-last)
	}
}

// One batch of a process that is not there, in the name of a member, keeps that member's
// proposals from the leader for no longer than an election timeout: the batches come again
// by themselves. That holds for any number of such words, and each batch is taken once.
func TestAForgedProcessDoesNotSilenceAMember(t *testing.T) {
	for _, incarnation := range []uint64{2, 3, 1 << 32, 1 << 63, math.MaxUint64} {
		for _, before := range []bool{false, true} {
			l := newTrio(t)
			l.elect()
			number, want := uint64(1), l.core.lastIndex()
			take := func() {
				t.Helper()
				h := forwarded(l.core, 2, number, 10)
				l.must(l.core.StepForwarded(h))
				l.must(l.core.StepForwarded(h))
				number, want = number+1, want+1
			}
			if before {
				take()
			}
			forged := forwarded(l.core, 2, math.MaxUint64, 10)
			forged.gossip.batch.oldest, forged.gossip.batch.incarnation = math.MaxUint64, incarnation
			l.must(l.core.StepForwarded(forged))
			want++
			for range l.core.cfg.ElectionTicks + 1 {
				l.must(l.core.Tick())
				l.from(3, pb.MsgHeartbeatResp, &pb.Message{})
			}
			take()
			take()
			if got := l.core.lastIndex(); got != want {
				t.Errorf("incarnation %d, heard before: %t: the log ends at %d, want %d", incarnation, before, got, want)
			}
		}
	}
}

// The processes of a member share what a member may have at the leader, and no more of
// them are remembered than may be.
func TestProcessesOfAMemberShareItsRoom(t *testing.T) {
	l := newVoters(t, 3, func(cfg *Config) { cfg.MaxPending, cfg.MaxUncommittedBytes = 4, 64<<20 })
	l.elect()
	last := l.core.lastIndex()
	for incarnation := range uint64(2 * maxProcesses) {
		h := forwarded(l.core, 2, 1, 10)
		h.gossip.batch.incarnation = incarnation + 1
		l.must(l.core.StepForwarded(h))
	}
	if got := l.core.lastIndex() - last; got != 4 {
		t.Errorf("%d proposals are in the log, of 4 that may be", got)
	}
	if got := len(l.core.takings.of[2].processes); got != maxProcesses {
		t.Errorf("%d processes are remembered", got)
	}
}

// Of what is not a member's nothing is taken.
func TestOnlyMembersForward(t *testing.T) {
	l := newTrio(t)
	l.elect()
	last := l.core.lastIndex()
	l.must(l.core.StepForwarded(forwarded(l.core, 9, 1, 10)))
	if got := l.core.lastIndex(); got != last || len(l.core.takings.of) != 0 {
		t.Errorf("the log ends at %d after %d, %d senders are known", got, last, len(l.core.takings.of))
	}
}

// A leader admits what others forward as it admits its own clients' proposals. A
// member may have its share though another one takes up all the room.
func TestALeaderAdmitsWhatIsForwarded(t *testing.T) {
	l := newVoters(t, 3, func(cfg *Config) { cfg.MaxPending, cfg.MaxUncommittedBytes = 4, 64<<20 })
	l.elect()
	for number := uint64(1); number <= 5; number++ {
		l.must(l.core.StepForwarded(forwarded(l.core, 2, number, 10)))
	}
	if got := l.saidTo(2); len(got) != 1 || got[0] != (said{batchAnswer{5, 0}, tooMany}) {
		t.Errorf("the fifth of four is answered with %v", got)
	}
	for number := uint64(1); number <= 3; number++ {
		l.must(l.core.StepForwarded(forwarded(l.core, 3, number, 10)))
	}
	if got := l.saidTo(3); len(got) != 1 || got[0] != (said{batchAnswer{3, 0}, tooMany}) {
		t.Errorf("the third of a share of two is answered with %v", got)
	}
	l.ack(2)
	l.core.Applied(l.core.lastIndex())
	if l.core.takings.all != (load{}) || l.core.takings.of[2].load != (load{}) || l.core.takings.of[3].load != (load{}) {
		t.Errorf("after all was applied %+v takes up room", l.core.takings.all)
	}
	l.must(l.core.StepForwarded(forwarded(l.core, 2, 6, 10)))
	if got := l.saidTo(2); len(got) != 0 {
		t.Errorf("a batch after that is answered with %v", got)
	}
}

// led by member 2 in term 2, with one proposal on its way.
func forwarding1(t *testing.T) (*trio, heard) {
	t.Helper()
	l := newTrio(t)
	l.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(2)), Commit: new(uint64(0))})
	l.sent(2)
	l.must(l.core.Propose(someProposal()))
	batches, _ := l.sent(2)
	if len(batches) != 1 || batches[0].gossip.batch != (batchHeader{number: 1, oldest: 1, term: 2, incarnation: 1}) {
		t.Fatalf("%+v are sent", batches)
	}
	return l, batches[0]
}

// A batch that the leader refuses is refused at once, or comes back to be handed
// in again, by the reason.
func TestWhatALeaderRefuses(t *testing.T) {
	for why, want := range map[refusal]error{noSpace: ErrNoSpace, tooMany: ErrTooMany, busy: nil, notLeading: nil, 99: nil} {
		l, _ := forwarding1(t)
		l.must(l.core.StepForwarded(answerOf(l.core, 2, why, batchAnswer{1, 0})))
		l.must(l.core.StepForwarded(answerOf(l.core, 2, why, batchAnswer{1, 0}))) // again
		out := l.core.Output()
		switch {
		case want != nil && (len(out.Rejected) != 1 || !errors.Is(out.Rejected[0].Err, want) || !errors.Is(out.Rejected[0].Err, ErrByLeader) || len(out.Returned) > 0):
			t.Errorf("refusal %d: rejected are %+v, want %v", why, out.Rejected, want)
		case want == nil && (len(out.Returned) != 1 || len(out.Rejected) > 0 || l.core.Room() != 0):
			t.Errorf("refusal %d: %d come back, the room is %d", why, len(out.Returned), l.core.Room())
		}
		if l.core.window.bytes != 0 || l.core.window.opened() != 0 {
			t.Errorf("refusal %d: %d bytes are under way", why, l.core.window.bytes)
		}
		l.led(1)
		if room := l.core.Room(); (room > 0) != (why != notLeading) {
			t.Errorf("refusal %d: the room in the next tick is %d", why, room)
		}
	}
}

// A message other than the leader's answer to this process in this term says
// nothing.
func TestAnswersOfOthersAreNoAnswers(t *testing.T) {
	for name, lie := range map[string]func(h *heard){
		"another member":  func(h *heard) { h.message.From = new(uint64(3)) },
		"another term":    func(h *heard) { h.gossip.batch.term++ },
		"another process": func(h *heard) { h.gossip.batch.incarnation++ },
		"another batch":   func(h *heard) { h.message.Context = encodeAnswers([]batchAnswer{{2, 0}}) },
	} {
		l, _ := forwarding1(t)
		h := answerOf(l.core, 2, tooMany, batchAnswer{1, 0})
		lie(&h)
		l.must(l.core.StepForwarded(h))
		if out := l.core.Output(); len(out.Rejected)+len(out.Returned) > 0 || l.core.window.opened() != 1 {
			t.Errorf("%s: it is believed", name)
		}
	}
}

// A batch is sent again when the transport has lost something, or when nothing is
// heard of it: the oldest until there is an answer, then the others. The number is
// the same.
func TestWhatIsNotAnsweredIsSentAgain(t *testing.T) {
	for name, lose := range map[string]func(l *trio){
		"reported":      func(l *trio) { l.must(l.core.Unreachable(2)) },
		"nothing heard": func(l *trio) { l.led(l.core.cfg.ElectionTicks - 1); l.sent(2) },
	} {
		t.Run(name, func(t *testing.T) {
			l, first := forwarding1(t)
			l.must(l.core.Propose(manyProposals(2, 10)[1:]))
			l.sent(2)
			lose(l)
			l.led(1)
			again, _ := l.sent(2)
			if len(again) != 1 || again[0].gossip.batch != first.gossip.batch || string(again[0].message.Entries[0].GetData()) != string(first.message.Entries[0].GetData()) {
				t.Fatalf("%+v are sent again, want the first batch", again)
			}
			l.must(l.core.StepForwarded(answerOf(l.core, 2, appended, batchAnswer{1, 7})))
			l.led(1)
			if again, _ = l.sent(2); len(again) != 1 || again[0].gossip.batch.number != 2 || again[0].gossip.batch.oldest != 2 {
				t.Fatalf("after an answer %+v are sent again, want the second batch", again)
			}
			l.must(l.core.StepForwarded(answerOf(l.core, 2, appended, batchAnswer{2, 8})))
			l.led(3 * l.core.cfg.ElectionTicks)
			if again, _ = l.sent(2); len(again) != 0 {
				t.Errorf("%d are sent again after they were answered", len(again))
			}
		})
	}
}

// A batch that was lost holds up those that are too far from it, and no more are sent
// than the leader can tell apart, however fast it answers the others.
func TestALostBatchIsNotLeftFarBehind(t *testing.T) {
	l, lost := forwarding1(t)
	newest := lost.gossip.batch.number
	for range 2 * maxBatches {
		if l.core.Room() == 0 {
			break
		}
		l.must(l.core.Propose(someProposal()))
		batches, _ := l.sent(2) // each is checked as the leader checks it
		newest = batches[0].gossip.batch.number
		l.must(l.core.StepForwarded(answerOf(l.core, 2, appended, batchAnswer{newest, newest})))
	}
	if newest >= lost.gossip.batch.number+maxBatches {
		t.Fatalf("batch %d was sent while %d had no answer", newest, lost.gossip.batch.number)
	}
	l.must(l.core.Propose(someProposal())) // what is handed in all the same has the rest of the numbers
	l.must(l.core.StepForwarded(answerOf(l.core, 2, appended, batchAnswer{lost.gossip.batch.number, 1})))
	if l.core.Room() == 0 {
		t.Error("after the lost batch was answered there is no room")
	}
}

// A batch that does not reach its leader is sent as long as one of its clients waits,
// and holds up no others after that. The leader's later answer changes nothing.
func TestABatchForWhichNoClientWaitsIsGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		until []time.Time
		kept  bool
	}{
		"none waits":    {until: []time.Time{time.Now().Add(-time.Second), time.Now().Add(-time.Minute)}},
		"one waits":     {until: []time.Time{time.Now().Add(-time.Second), time.Now().Add(time.Hour)}, kept: true},
		"one for ever":  {until: []time.Time{{}, time.Now().Add(-time.Second)}, kept: true},
		"the last does": {until: []time.Time{time.Now().Add(-time.Second), {}}, kept: true},
	} {
		t.Run(name, func(t *testing.T) {
			l := newTrio(t)
			l.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(2)), Commit: new(uint64(0))})
			list := manyProposals(3, 10)
			list[0].Until, list[1].Until = c.until[0], c.until[1]
			l.must(l.core.Propose(list[:2]))
			l.led(l.core.cfg.ElectionTicks - 1)
			if got := l.core.window.opened(); got != 2 {
				t.Fatalf("%d are under way before it is doubtful", got)
			}
			l.sent(2)
			l.led(1)
			again, _ := l.sent(2)
			if kept := l.core.window.opened() == 2; kept != c.kept || (len(again) > 0) != c.kept || !kept && l.core.window.bytes != 0 {
				t.Fatalf("%d are under way with %d bytes, %d are sent again", l.core.window.opened(), l.core.window.bytes, len(again))
			}
			l.must(l.core.Propose(list[2:]))
			next, _ := l.sent(2)
			if want := map[bool]uint64{true: 1, false: 2}[c.kept]; next[0].gossip.batch.oldest != want {
				t.Errorf("the next batch says that %d is the oldest, want %d", next[0].gossip.batch.oldest, want)
			}
			l.must(l.core.StepForwarded(answerOf(l.core, 2, busy, batchAnswer{1, 0})))
			if out := l.core.Output(); (len(out.Returned) > 0) != c.kept {
				t.Errorf("%d are handed in again after a refusal", len(out.Returned))
			}
		})
	}
}

// An election timeout after a loss the client is told, once, and the batch is sent
// on.
func TestA1ALostConnectionIsToldAfterAnElection(t *testing.T) {
	l, _ := forwarding1(t)
	told := 0
	for tick := range 3 * l.core.cfg.ElectionTicks {
		l.must(l.core.Unreachable(2))
		l.led(1)
		told += len(l.out.Unanswered)
		l.out.Unanswered = nil
		if tick < l.core.cfg.ElectionTicks-1 && told > 0 {
			t.Fatalf("told in tick %d after the loss", tick)
		}
	}
	if again, _ := l.sent(2); told != 1 || len(again) == 0 {
		t.Errorf("told %d times, and sent again %d times", told, len(again))
	}
}

// When an entry of a later term comes out, what was handed in before and has not
// come out is in no log: a follower's client is told so, and that of a leader that was
// deposed.
func TestA1WhatALaterTermProves(t *testing.T) {
	for name, begin := range map[string]func(l *trio){
		"a follower": func(l *trio) {
			l.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(2)), Commit: new(uint64(0))})
		},
		"a leader": (*trio).elect,
	} {
		t.Run(name, func(t *testing.T) {
			l := newTrio(t)
			begin(l)
			term, last := l.core.term, l.core.lastIndex()
			for i := range 3 {
				l.must(l.core.Propose(manyProposals(3, 10)[i : i+1]))
			}
			l.settle()
			l.from(3, pb.MsgHeartbeat, &pb.Message{Term: new(term + 1), Commit: new(uint64(0))})
			if len(l.out.Rejected) > 0 {
				t.Fatalf("%v are rejected before the proof", l.out.Rejected)
			}
			kept := proposalEntries([][]byte{manyProposals(3, 10)[0].plain()})[0] // the new leader has this one
			kept.Term, kept.Index = new(term), new(last+1)
			first := &pb.Entry{Term: new(term + 1), Index: new(last + 2)}
			l.from(3, pb.MsgApp, &pb.Message{
				Term: new(term + 1), LogTerm: new(l.core.log.terms.term(last)), Index: new(last), Commit: new(last + 2), Entries: []*pb.Entry{kept, first},
			})
			l.settle()
			want := []RequestID{{1, 2}, {1, 3}}
			if r := l.out.Rejected; len(r) != 1 || !slices.Equal(r[0].IDs, want) || !errors.Is(r[0].Err, ErrLeaderLost) {
				t.Errorf("rejected are %v, want 2 and 3", r)
			}
			if l.core.window.opened() != 0 {
				t.Errorf("after the proof %d are under way", l.core.window.opened())
			}
		})
	}
}

// A member that has become the leader itself keeps nothing of what it forwarded to the
// one before, also of what was lost on the way, once an entry of its own has come out.
func TestANewLeaderKeepsNoBatches(t *testing.T) {
	l := newTrio(t)
	l.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(2)), Commit: new(uint64(0))})
	l.must(l.core.Propose(manyProposals(3, 10)))
	l.settle()
	if len(l.core.forwarding.batches) == 0 {
		t.Fatal("nothing was forwarded")
	}
	l.elect()
	l.settle()
	if n := len(l.core.forwarding.batches); n > 0 {
		t.Errorf("the leader of term %d keeps %d batches for the leader of term %d", l.core.term, n, l.core.forwarding.to.term)
	}
	if l.core.window.bytes > 0 {
		t.Errorf("and %d bytes of its window", l.core.window.bytes)
	}
}

// A snapshot may have what was handed in before it. So nothing that follows proves that
// it is in no log: its outcome stays unknown.
func TestASnapshotProvesNothingOfWhatWasHandedIn(t *testing.T) {
	l := newTrio(t)
	l.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(2)), Commit: new(uint64(0))})
	l.must(l.core.Propose(manyProposals(3, 10)))
	l.settle()
	l.term = 2
	index := l.core.lastIndex() + 10
	l.install(index, l.core.Registry())
	l.from(3, pb.MsgApp, &pb.Message{
		Term: new(uint64(3)), LogTerm: new(uint64(2)), Index: new(index), Commit: new(index + 1),
		Entries: []*pb.Entry{{Term: new(uint64(3)), Index: new(index + 1)}},
	})
	l.settle()
	if l.core.putOut != index+1 {
		t.Fatalf("put out to %d, want %d", l.core.putOut, index+1)
	}
	if len(l.out.Rejected) > 0 {
		t.Errorf("%v are said to be in no log, and the snapshot may have them", l.out.Rejected)
	}
	if l.core.window.opened() != 0 || l.core.window.bytes != 0 {
		t.Errorf("%d are under way after the snapshot, %d bytes", l.core.window.opened(), l.core.window.bytes)
	}
}

// Proposals that come back wait before those that have come meanwhile, except
// those whose time is up.
func TestWhatComesBackGoesFirst(t *testing.T) {
	ports := &rejecting{}
	n := New(newTrio(t).core, ports)
	list := manyProposals(4, 1)
	list[1].Until = n.LastTick().Add(-time.Second) // over
	n.Propose(list[3])
	n.returned(list[:3])
	waiting := requestIDs(n.box.takeAll())
	if len(waiting) != 3 || waiting[0].Number != 1 || waiting[1].Number != 3 || waiting[2].Number != 4 || len(ports.ids) != 1 || ports.ids[0].Number != 2 {
		t.Errorf("%v wait and %v are rejected", waiting, ports.ids)
	}
}

type rejecting struct {
	Ports
	ids []RequestID
}

func (r *rejecting) Rejected(ids []RequestID, _ error) { r.ids = append(r.ids, ids...) }

// Batches that find the mailbox full are refused.
func TestWhatFindsTheMailboxFullIsRefused(t *testing.T) {
	l := newTrio(t)
	l.elect()
	n := New(l.core, statePorts{})
	const size = maxWaitingForwarded / 4
	n.box.put(func(in *inputs) {
		for number := range uint64(6) {
			h := forwarded(l.core, 2, number+1, 10)
			in.add(h.message, h.gossip, size)
		}
		in.add(&pb.Message{Type: pb.MsgApp.Enum()}, gossip{}, size) // has room of its own
	})
	in := n.box.take(inputs{})
	if len(in.messages) != 1 || len(in.batches) != 6 || in.dropped != 2 {
		t.Fatalf("%d messages and %d batches wait, %d found no room", len(in.messages), len(in.batches), in.dropped)
	}
	in.messages = nil
	l.must(n.takeIn(&in, false))
	got := l.saidTo(2)
	if len(got) != 2 || got[0] != (said{batchAnswer{5, 0}, busy}) || got[1] != (said{batchAnswer{6, 0}, busy}) || n.Dropped() != 2 || l.core.refusedOthers != 2 {
		t.Errorf("answers are %v, %d are counted, and %d proposals", got, n.Dropped(), l.core.refusedOthers)
	}
}
