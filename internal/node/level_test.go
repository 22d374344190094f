package node

import (
	"errors"
	"slices"
	"strings"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// understanding makes a node of a build that understands a level.
func understanding(level uint64) func(*Config) {
	return func(c *Config) { c.Level = level }
}

// announces has a peer say from now on that it understands a level.
func (n *trio) announces(id, level uint64) {
	if n.said == nil {
		n.said = map[uint64]uint64{}
	}
	n.said[id] = level
}

// announce is what a peer says of its level with an answer to a heartbeat.
func (n *trio) announce(id uint64) {
	if level, ok := n.said[id]; ok {
		m := &pb.Message{Type: pb.MsgHeartbeatResp.Enum(), From: new(id), To: new(uint64(1)), Term: new(n.term)}
		n.core.hear(heard{m, gossip{level: level, commands: n.applies[id], hash: n.hashes[id], run: id}})
	}
}

// settled lets time pass in which the peers have everything.
func (n *trio) settled(peers ...uint64) {
	for range 5 {
		n.live(2, peers...)
		for _, id := range peers {
			n.ack(id)
		}
	}
}

func (n *trio) level() uint64 { return n.core.Registry().Level() }

// The leader raises the level one by one, as far as every member and it itself
// understand, and not while one announces less, is silent, or has announced nothing.
// A peer that announces nonsense raises nothing beyond that.
func TestLevelIsRaisedWhenAllMembersUnderstandIt(t *testing.T) {
	n := newVoters(t, 3, understanding(2))
	n.elect()
	n.settled(2, 3)
	if n.level() != 0 {
		t.Fatalf("level is %d, and nobody has announced one", n.level())
	}
	n.announces(2, 1<<63)
	n.settled(2, 3)
	if n.level() != 0 {
		t.Fatalf("level is %d, and member 3 has announced none", n.level())
	}
	n.announces(3, 1)
	n.live(20, 2) // member 3 is silent
	if n.level() != 0 {
		t.Fatalf("level is %d, and member 3 may be another build by now", n.level())
	}
	n.settled(2, 3)
	if n.level() != 1 {
		t.Fatalf("level is %d, want 1", n.level())
	}
	n.announces(3, 1<<40)
	n.settled(2, 3)
	if n.level() != 2 {
		t.Errorf("level is %d, and the leader understands 2", n.level())
	}
	n.announces(3, 1)
	n.settled(2, 3)
	if n.level() != 2 {
		t.Errorf("level went down to %d", n.level())
	}
}

// The word of a member in an earlier reign of this leader, or as another process,
// raises nothing: it may have been put back to an older build since, and would not
// take the entry. That it answers is not enough.
func TestWhatAMemberSaidBeforeRaisesNothing(t *testing.T) {
	for name, forget := range map[string]func(*trio){
		"in an earlier reign": func(n *trio) {
			n.term++
			n.from(2, pb.MsgHeartbeat, &pb.Message{Commit: new(uint64(0))})
			n.live(2*n.core.cfg.ElectionTicks + 1)
			n.elect()
		},
		"before its connection was lost": func(n *trio) { n.core.noteLoss(3) },
		"as another process": func(n *trio) {
			m := &pb.Message{Type: pb.MsgAppResp.Enum(), From: new(uint64(3)), To: new(uint64(1)), Term: new(n.term)}
			n.core.hear(heard{m, gossip{run: 33}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newVoters(t, 3, understanding(1))
			n.elect()
			n.announces(3, 1)
			n.settled(2, 3)
			forget(n)
			delete(n.said, 3)
			n.announces(2, 1)
			n.live(3, 2)
			n.ack(2)
			n.ack(3)
			n.live(3, 2)
			if written := n.core.lastIndex() > n.core.putOut; written || n.level() != 0 || !n.core.hears(3) {
				t.Errorf("level is %d, a raise is written: %t, and member 3 has not said yet what it understands; heard: %t", n.level(), written, n.core.hears(3))
			}
			n.announces(3, 1)
			if n.settled(2, 3); n.level() != 1 {
				t.Errorf("level is %d, and all have said that they understand 1", n.level())
			}
		})
	}
}

// A leader says for how long whom the next level has waited for, itself if it is the
// one that understands less, and no longer than that lasts. Members that all understand
// the same hold nothing back.
func TestWhoHoldsTheLevelBack(t *testing.T) {
	n := newVoters(t, 3, understanding(1))
	held := func() LevelHeld { return n.core.levels.held }
	n.elect()
	n.announces(2, 1)
	n.settled(2, 3)
	if got := held(); !slices.Equal(got.By, []member.ID{3}) || got.Ticks == 0 {
		t.Errorf("member 3 has not said what it understands: %+v", got)
	}
	n.announces(3, 1)
	n.settled(2, 3)
	if got := held(); got.By != nil || n.level() != 1 {
		t.Errorf("at level %d, and all understand 1: %+v", n.level(), got)
	}
	n.announces(3, 2)
	n.settled(2, 3)
	if got := held(); !slices.Equal(got.By, []member.ID{1, 2}) {
		t.Errorf("member 3 alone understands 2: %+v", got)
	}
	before := held().Ticks
	n.announces(2, 2)
	n.settled(2, 3)
	if got := held(); !slices.Equal(got.By, []member.ID{1}) || got.Ticks <= before {
		t.Errorf("this node alone does not understand 2: %+v, before for %d ticks", got, before)
	}
	n.live(40) // no majority: it steps down
	if got := held(); got.By != nil || n.core.leads() {
		t.Errorf("leads %t: %+v", n.core.leads(), got)
	}
}

// A learner counts too, and one that understands less than the cluster's level does
// not become a voter, with a sentence that says why.
func TestOlderLearnerDoesNotBecomeAVoter(t *testing.T) {
	n := newVoters(t, 3, understanding(1))
	n.elect()
	n.announces(2, 1)
	n.announces(3, 1)
	n.settled(2, 3)
	n.join(4, 2)
	n.announces(4, 0)
	n.settled(2, 3, 4)
	if m, _ := n.core.Registry().Member(4); !m.Learner {
		t.Error("a build before levels became a voter of a cluster at level 1")
	}
	err := n.core.ProposeChange(changeID, joining(4), nil)
	if !errors.Is(err, ErrOlder) || !strings.Contains(err.Error(), "member 4 understands level 0, the cluster is at 1") {
		t.Errorf("by hand: %v", err)
	}
	n.announces(4, 1)
	n.settled(2, 3, 4)
	if m, _ := n.core.Registry().Member(4); m.Learner {
		t.Error("it is a learner still, and understands the level")
	}
}

// newerEntries are entries of builds that are newer than level 1.
func newerEntries(t *testing.T) map[string]storage.Entry {
	t.Helper()
	change, err := encodeChange(RequestID{}, joining(4))
	if err != nil {
		t.Fatal(err)
	}
	newerChange := strings.Replace(string(change), `"op":"add"`, `"op":"adz"`, 1)
	return map[string]storage.Entry{
		"a level above its own":     {Data: []byte("\xf2{\"level\":2}")},
		"a field in a raise":        {Data: []byte("\xf2{\"level\":1,\"since\":4}")},
		"a field in a switch":       {Data: []byte("\xf3{\"command_version\":1,\"since\":4}")},
		"a field in registration":   {Data: []byte("\xf1{\"number\":1,\"colour\":4}")},
		"an entry of a new kind":    {Data: []byte("\xf9whatever")},
		"a header of a new version": {Data: []byte("\x03what no build of this level reads")},
		"a new flag in a header":    {Data: append([]byte{stampedVersion, 0x80}, make([]byte, 40)...)},
		"an unknown operation":      {Type: pluginv1.EntryType_ENTRY_CONF_CHANGE, Data: []byte(newerChange)},
	}
}

// asLearner makes this node a learner of the same cluster.
func (n *trio) asLearner() {
	n.t.Helper()
	r := &member.Registry{}
	for id := member.ID(1); id <= 3; id++ {
		m := voter(id)
		m.Learner = id == 1
		next, err := r.Apply(member.Change{Op: member.Add, Member: m}, uint64(id), 1)
		n.must(err)
		r = next
	}
	n.core.registry = r.Register(member.Registration{Number: 7})
}

// A voter does not take an entry that would end it, and every other one with it: its
// log stays as it is, and it goes on.
func TestVotersRefuseWhatTheyDoNotUnderstand(t *testing.T) {
	for name, e := range newerEntries(t) {
		t.Run(name, func(t *testing.T) {
			n := newVoters(t, 3, understanding(1))
			n.elect()
			index := n.core.lastIndex() + 1
			before, err := n.core.log.Term(index - 1)
			n.must(err)
			n.term++
			e.Index, e.Term = index, n.term
			err = n.core.Step(&pb.Message{
				Type: pb.MsgApp.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(n.term),
				Index: new(index - 1), LogTerm: new(before), Commit: new(index), Entries: fromEntries([]storage.Entry{e}),
			})
			if !errors.Is(err, ErrInvalidMessage) || errors.Is(err, ErrFailed) {
				t.Errorf("got %v, want %v", err, ErrInvalidMessage)
			}
			n.settle()
			if n.core.lastIndex() >= index {
				t.Errorf("the log ends with %d", n.core.lastIndex())
			}
			n.supersede(index, storage.Entry{Data: NewProposal(RequestID{Origin: 2, Number: 1}, []byte("x")).plain()})
			if n.settle(); n.core.lastIndex() != index || n.core.failed != nil {
				t.Errorf("the log ends with %d after a good entry %d, failed: %v", n.core.lastIndex(), index, n.core.failed)
			}
		})
	}
}

// An entry that a learner does not understand may come into its log, and ends it
// when it takes effect: nothing of it and nothing after it comes out. The sentence
// does not say that raft failed.
func TestNodeEndsAtWhatItDoesNotUnderstand(t *testing.T) {
	for name, e := range newerEntries(t) {
		t.Run(name, func(t *testing.T) {
			n := newVoters(t, 3, understanding(1))
			n.elect()
			n.asLearner()
			index := n.core.lastIndex() + 1
			n.supersede(index, e, storage.Entry{Data: NewProposal(RequestID{Origin: 2, Number: 1}, []byte("x")).plain()})
			if n.core.failed != nil {
				t.Fatalf("failed before the entry was committed: %v", n.core.failed)
			}
			m := &pb.Message{Type: pb.MsgHeartbeat.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(n.term), Commit: new(index + 1)}
			err := n.core.Step(m)
			for _, a := range n.core.Output().Appends {
				err = errors.Join(err, n.core.AppendDone(a.Number))
			}
			if !errors.Is(err, member.ErrNewer) || !errors.Is(err, ErrFailed) || strings.Contains(err.Error(), ErrFailed.Error()) {
				t.Errorf("got %v, want %v", err, member.ErrNewer)
			}
			if out := n.core.Output(); len(out.Applies) > 0 && out.Applies[len(out.Applies)-1].Last > index-1 {
				t.Errorf("entries up to %d came out, from %d on it does not understand them", out.Applies[len(out.Applies)-1].Last, index)
			}
			if err := n.core.Tick(); !errors.Is(err, member.ErrNewer) {
				t.Errorf("it goes on after that: %v", err)
			}
		})
	}
}

// A node whose store is of a cluster at a level above its own does not start.
func TestOlderBuildDoesNotStart(t *testing.T) {
	registry, err := (&member.Registry{}).Apply(member.Change{Op: member.Add, Member: voter(1)}, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	at := Replayed{Index: 1, Registry: registry}
	err = at.Add([]storage.Entry{{Index: 2, Term: 1, Data: []byte("\xf2{\"level\":3}")}})
	if err != nil || at.Registry.Level() != 3 {
		t.Fatalf("level %d, %v", at.Registry.Level(), err)
	}
	err = at.Registry.CheckLevel(2)
	if !errors.Is(err, member.ErrNewer) || !strings.Contains(err.Error(), "at feature level 3, and this build understands 2") {
		t.Errorf("got %v", err)
	}
	err = at.Add([]storage.Entry{{Index: 3, Term: 1, Data: []byte("\xf8")}})
	if !errors.Is(err, member.ErrNewer) || errors.Is(err, ErrInconsistent) {
		t.Errorf("got %v: the store is sound", err)
	}
	if _, err := NewCore(tabled(Config{
		ID: 1, ElectionTicks: 10, HeartbeatTicks: 1, Limits: newVoters(t, 1).core.cfg.Limits, Level: 2,
		State:    storage.State{FirstIndex: 1, LastIndex: 2, HardState: storage.HardState{Term: 1, Commit: 2}, Terms: []storage.TermBoundary{{}, {Index: 1, Term: 1}}},
		Replayed: Replayed{Index: 2, Registry: at.Registry},
	})); !errors.Is(err, member.ErrNewer) {
		t.Errorf("it starts: %v", err)
	}
}

// A client cannot write what hosts write: forwarded entries of these forms are
// refused before they come near the log.
func TestForwardedRaiseIsRefused(t *testing.T) {
	for _, data := range []string{"\xf2{\"level\":1}", "\xf3{\"command_version\":1}"} {
		m := &pluginv1.Message{
			Batch: 1, OldestBatch: 1, BatchTerm: 1, Incarnation: 1, Entries: []storage.Entry{{Data: []byte(data)}},
		}
		if err := validateBatch(m, messageLimits{entry: 1 << 20, message: 1 << 20}); !errors.Is(err, ErrInvalidMessage) {
			t.Errorf("%q: got %v, want %v", data, err, ErrInvalidMessage)
		}
	}
}
