package node

import (
	"errors"
	"flag"
	"math"
	"math/rand"
	"testing"
	"testing/cryptotest"

	pb "go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

var (
	lies     = flag.Int("lies", 200_000, "how many messages of lying peers to step")
	liesSeed = flag.Int64("lies.seed", 1, "where to begin")
)

// TestStepSafe: raft does not panic whatever peers say, and what this node has
// committed stays. Messages are made of the fields of honest ones, of this
// node's own state, and of nonsense, and come through decode as from the wire.
//
// go test ./internal/node -run StepSafe -lies 10000000
func TestStepSafe(t *testing.T) {
	cryptotest.SetGlobalRandom(t, uint64(*liesSeed))
	const perNode = 400
	accepted, stepped := 0, 0
	for round := int64(0); round*perNode < int64(*lies); round++ {
		seed := *liesSeed + round
		l := &liar{rnd: rand.New(rand.NewSource(seed)), trio: newTrio(t)}
		if l.rnd.Intn(2) == 0 {
			l.trio.elect()
		}
		for range perNode {
			payload, err := l.message().Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if l.rnd.Intn(10) == 0 && len(payload) > 0 {
				payload[l.rnd.Intn(len(payload))] ^= byte(1 << l.rnd.Intn(8))
			}
			stepped++
			if l.step(payload) {
				accepted++
			}
			if t.Failed() {
				t.Fatalf("seed %d: run it again with -lies.seed %d -lies 1", seed, seed)
			}
		}
	}
	if accepted*10 < stepped {
		t.Errorf("only %d of %d messages reached raft: the lies are too plain", accepted, stepped)
	}
}

// liar makes up messages for node 1 of three.
type liar struct {
	pending []Append // not durable yet
	*trio
	rnd *rand.Rand
}

// step delivers one message as the host does, and checks what must hold. It
// tells whether the message came as far as raft.
func (l *liar) step(payload []byte) bool {
	commit := l.core.raft.BasicStatus().GetCommit()
	term, err := l.core.log.Term(commit)
	stable := err == nil && l.core.appends.len() == 0
	vote, voteTerm := l.core.saved.Vote, l.core.saved.Term
	accepted := l.deliver(payload)
	if l.rnd.Intn(8) == 0 {
		l.check(l.core.Tick())
	}
	if l.rnd.Intn(8) == 0 {
		l.check(l.core.Propose([]Proposal{NewProposal(RequestID{Origin: 1, Number: 1}, []byte("honest"))}))
	}
	if l.rnd.Intn(16) == 0 {
		l.check(l.core.ReadIndex(make([]byte, readContextSize)))
	}
	l.drain()
	st := l.core.raft.BasicStatus()
	if st.GetCommit() < commit {
		l.t.Errorf("commit index went from %d to %d", commit, st.GetCommit())
	}
	if now, err := l.core.log.Term(commit); stable && err == nil && now != term {
		l.t.Errorf("committed entry %d changed its term from %d to %d", commit, term, now)
	}
	if s := l.core.saved; s.Term < voteTerm || s.Term == voteTerm && vote != 0 && s.Vote != vote {
		l.t.Errorf("vote for %x in term %d became %x in term %d", vote, voteTerm, s.Vote, s.Term)
	}
	return accepted
}

func (l *liar) deliver(payload []byte) bool {
	m, g, err := decodeAll(payload, l.core.limits)
	if err != nil {
		return false
	}
	if m.GetType() == pb.MsgSnap {
		meta := toMetadata(m.GetSnapshot().GetMetadata())
		registry := &member.Registry{}
		for i, id := range append(append([]uint64(nil), meta.ConfState.Voters...), meta.ConfState.Learners...) {
			v := voter(member.ID(id))
			v.Learner = i >= len(meta.ConfState.Voters)
			if next, err := registry.Apply(member.Change{Op: member.Add, Member: v}, uint64(i+1), 1); err == nil {
				registry = next
			}
		}
		err = l.core.SnapshotReceived(m, registry, 0)
	} else {
		err = l.core.stepAny(m, g)
	}
	l.check(err)
	return !errors.Is(err, ErrInvalidMessage)
}

// check fails on a panic of raft, which is what ErrFailed stands for.
func (l *liar) check(err error) {
	if errors.Is(err, ErrFailed) {
		l.t.Errorf("raft: %v", err)
	}
}

// drain does the work that came out, most of the time.
func (l *liar) drain() {
	for range 100 {
		if l.t.Failed() || l.rnd.Intn(10) == 0 && len(l.core.appends.items) < 8 {
			return
		}
		out := l.core.Output()
		l.pending = append(l.pending, out.Appends...)
		for _, s := range out.Snapshots {
			l.check(l.core.SnapshotStatus(s.To, l.rnd.Intn(2) == 0))
		}
		for range out.Fetches {
			l.core.Fetched(nil)
		}
		if len(l.pending)+len(out.Applies) == 0 {
			return
		}
		for _, a := range l.pending {
			l.check(l.core.AppendDone(a.Number))
		}
		l.pending = nil
	}
}

// pick draws a number that means something, or nearly.
func (l *liar) pick(near ...uint64) uint64 {
	switch l.rnd.Intn(12) {
	case 0:
		return 0
	case 1:
		return math.MaxUint64 - uint64(l.rnd.Intn(3))
	case 2:
		return l.rnd.Uint64() >> l.rnd.Intn(64)
	case 3:
		return uint64(l.rnd.Intn(20))
	case 4, 5:
		return near[l.rnd.Intn(len(near))] + uint64(l.rnd.Intn(4)) - 1
	default:
		return near[l.rnd.Intn(len(near))]
	}
}

var lyingTypes = []pb.MessageType{
	pb.MsgApp, pb.MsgApp, pb.MsgApp, pb.MsgAppResp, pb.MsgAppResp, pb.MsgVote, pb.MsgVoteResp, pb.MsgSnap,
	pb.MsgHeartbeat, pb.MsgHeartbeatResp, pb.MsgHeartbeatResp, pb.MsgTimeoutNow, pb.MsgReadIndex, pb.MsgReadIndexResp,
	pb.MsgPreVote, pb.MsgPreVoteResp, pb.MsgProp,
}

func (l *liar) message() *pluginv1.Message {
	st := l.core.raft.BasicStatus()
	last, commit, term := l.core.lastIndex(), st.GetCommit(), st.GetTerm()
	kind := lyingTypes[l.rnd.Intn(len(lyingTypes))]
	if l.rnd.Intn(50) == 0 {
		kind = pb.MessageType(l.rnd.Intn(30))
	}
	m := &pluginv1.Message{
		Type: uint32(kind), From: l.pick(2, 2, 3, 4), To: 1, Term: l.anyTerm(term),
		Reject: l.rnd.Intn(4) == 0, Index: l.pick(last, commit, last/2+1), Commit: l.pick(commit, last),
		RejectHint: l.pick(last, commit), Vote: l.pick(0, 2),
	}
	at, _ := l.core.log.Term(m.Index)
	m.LogTerm = l.pick(at, at, term)
	if hasTerm, ok := fromPeers[kind]; ok && !hasTerm && l.rnd.Intn(10) > 0 {
		m.Term, m.LogTerm = 0, 0
	}
	l.contents(m, kind, term)
	return m
}

// anyTerm mostly stays where the node is: a term that grows at every message
// would never let anything happen.
func (l *liar) anyTerm(term uint64) uint64 {
	switch l.rnd.Intn(40) {
	case 0:
		return term + 1
	case 1:
		return term - 1
	case 2:
		if l.rnd.Intn(20) == 0 {
			return l.pick(term)
		}
	}
	return term
}

func (l *liar) contents(m *pluginv1.Message, kind pb.MessageType, term uint64) {
	if kind == pb.MsgProp {
		m.Batch, m.BatchTerm, m.Incarnation = l.pick(1, 2, 3), l.pick(term), l.pick(1, 2)
		if m.OldestBatch = l.pick(1, m.Batch); l.rnd.Intn(2) == 0 {
			m.Batch, m.OldestBatch, m.Refusal = 0, 0, uint32(l.rnd.Intn(6))
			m.Context = encodeAnswers([]batchAnswer{{l.pick(1, 2), l.pick(0, 5)}})
			return
		}
	}
	switch {
	case kind == pb.MsgApp || kind == pb.MsgProp || l.rnd.Intn(50) == 0:
		for i := range l.rnd.Intn(4) {
			m.Entries = append(m.Entries, l.entry(m, uint64(i), kind, term))
		}
	case kind == pb.MsgReadIndex || kind == pb.MsgReadIndexResp:
		m.Entries = []pluginv1.Entry{{Data: make([]byte, readContextSize)}}
	case kind == pb.MsgHeartbeat || kind == pb.MsgHeartbeatResp:
		if l.rnd.Intn(2) == 0 {
			m.Context = make([]byte, 8)
			m.Context[0] = byte(l.pick(l.core.heartbeat, l.core.heartbeat+1))
		}
	case kind == pb.MsgSnap:
		cs := storage.ConfState{Voters: []uint64{1, 2}}
		for range l.rnd.Intn(3) {
			cs.Voters = append(cs.Voters, l.pick(3, 4))
		}
		if l.rnd.Intn(3) == 0 {
			cs.Learners = []uint64{l.pick(5, 1)}
		}
		m.Snapshot.Metadata = storage.SnapshotMetadata{Index: m.Index, Term: l.pick(m.LogTerm, term), ConfState: cs}
	}
	if l.rnd.Intn(100) == 0 {
		m.Context = make([]byte, l.rnd.Intn(30))
	}
}

func (l *liar) entry(m *pluginv1.Message, i uint64, kind pb.MessageType, term uint64) pluginv1.Entry {
	e := pluginv1.Entry{Data: plainCommand(RequestID{Origin: 2, Number: 1}, []byte("lie"))}
	if kind == pb.MsgApp {
		e.Term, e.Index = l.pick(term, term, m.LogTerm), m.Index+1+i
	}
	switch l.rnd.Intn(20) {
	case 0:
		e.Data = nil
	case 1:
		e.Data = e.Data[:l.rnd.Intn(len(e.Data))]
	case 2:
		e.Index = l.pick(e.Index)
	case 3, 4:
		change := member.Change{Op: member.Add, Member: voter(member.ID(l.pick(1, 2, 3, 4)))}
		switch l.rnd.Intn(4) {
		case 0:
			change.Op = member.Remove
		case 1:
			change.Member.Learner = true
		}
		if data, err := encodeChange(RequestID{}, change); err == nil {
			e.Type, e.Data = pluginv1.EntryType_ENTRY_CONF_CHANGE, data
		}
	case 5:
		e.Type = pluginv1.EntryType(l.rnd.Intn(4))
	}
	return e
}
