package node

import (
	"errors"
	"slices"
	"strings"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// gated makes a leader of three members that understand switches, whose state machine
// applies the versions up to greatest.
func gated(t *testing.T, greatest uint32) *trio {
	n := newVoters(t, 3, understanding(member.CommandVersionLevel))
	n.applies = map[uint64]plugins.Versions{}
	n.own(0, greatest)
	n.elect()
	n.announces(2, member.CommandVersionLevel)
	n.announces(3, member.CommandVersionLevel)
	return n
}

// own has this member's state machine announce versions.
func (n *trio) own(least, greatest uint32) {
	n.core.SetCommandVersions(CommandVersions{Versions: plugins.Versions{Least: least, Greatest: greatest}, Known: true})
}

// wantVersion lets time pass, and checks the version of the cluster after that.
func (n *trio) wantVersion(want uint32, why string) {
	n.t.Helper()
	n.settled(2, 3)
	if got := n.core.Registry().CommandVersion(); got != want {
		n.t.Errorf("command version %d, want %d: %s", got, want, why)
	}
}

// The leader switches to the greatest version that every state machine has announced, and
// not before the last one has. The version never goes down.
func TestCommandVersionIsSwitchedWhenAllStateMachinesApplyIt(t *testing.T) {
	n := gated(t, 4)
	n.applies[2] = plugins.Versions{Greatest: 3}
	n.wantVersion(0, "member 3 applies version 0 alone")
	if n.level() != member.CommandVersionLevel {
		t.Fatalf("level %d", n.level())
	}
	n.applies[3] = plugins.Versions{Least: 4, Greatest: 5}
	n.wantVersion(0, "members 2 and 3 have no version in common")
	n.applies[3] = plugins.Versions{Least: 1, Greatest: 2}
	n.wantVersion(2, "all apply it")
	n.applies[2], n.applies[3] = plugins.Versions{Greatest: 9}, plugins.Versions{Greatest: 9}
	n.wantVersion(4, "the leader applies no greater one")
	n.applies[2] = plugins.Versions{Greatest: 1}
	n.wantVersion(4, "it does not go down")
}

// A member that is silent, or has not said what its state machine applies since it was
// lost, may run another plugin by now.
func TestASilentMemberHoldsTheCommandVersionBack(t *testing.T) {
	n := gated(t, 1)
	n.wantVersion(0, "the others apply version 0 alone")
	n.applies[2], n.applies[3] = plugins.Versions{Greatest: 1}, plugins.Versions{Greatest: 1}
	n.core.SetCommandVersions(CommandVersions{})
	n.wantVersion(0, "the leader's own state machine has not said it")
	delete(n.said, 3)
	n.core.noteLoss(3)
	n.own(0, 1)
	n.live(5, 2)
	n.wantVersion(0, "member 3 has not said it since")
	n.announces(3, member.CommandVersionLevel)
	n.wantVersion(1, "all have said it")
}

// A learner counts, and one that is about to be added is waited for.
func TestALearnerHoldsTheCommandVersionBack(t *testing.T) {
	n := gated(t, 1)
	n.applies[2], n.applies[3] = plugins.Versions{Greatest: 1}, plugins.Versions{Greatest: 1}
	n.settled(2)
	n.join(4, 2)
	n.announces(4, member.CommandVersionLevel)
	n.settled(2, 3, 4)
	if got := n.core.Registry().CommandVersion(); got != 0 {
		t.Fatalf("command version %d, and member 4 applies version 0 alone", got)
	}
	n.applies[4] = plugins.Versions{Greatest: 1}
	n.settled(2, 3, 4)
	if got := n.core.Registry().CommandVersion(); got != 1 {
		t.Errorf("command version %d, and all apply 1", got)
	}
}

// Below the level of switches the log has none: older builds would end at it.
func TestCommandVersionWaitsForTheLevel(t *testing.T) {
	n := gated(t, 1)
	n.applies[2], n.applies[3] = plugins.Versions{Greatest: 1}, plugins.Versions{Greatest: 1}
	n.announces(3, member.StampLevel)
	n.wantVersion(0, "member 3 is of a build before switches")
	n.announces(3, member.CommandVersionLevel)
	n.settled(2, 3)
	n.wantVersion(1, "all understand switches")
}

// switched are entries of a log with two switches, and what may stand between them.
func switched() []storage.Entry {
	command := func(number uint64) storage.Entry {
		return storage.Entry{Data: NewProposal(RequestID{Origin: 2, Number: number}, []byte("x")).plain()}
	}
	to := func(version string) storage.Entry {
		return storage.Entry{Data: []byte("\xf3{\"command_version\":" + version + "}")}
	}
	return []storage.Entry{command(1), command(2), to("1"), command(3), to("4"), to("2"), {}, command(4)}
}

// A run ends with a switch, so no run has commands of two versions; and the runs that are
// read again from the log are those that came out.
func TestARunEndsWithASwitch(t *testing.T) {
	n := gated(t, 4)
	n.out.Applies = nil
	before, index := n.core.Registry(), n.core.lastIndex()+1
	entries := switched()
	n.supersede(index, entries...)
	n.from(2, pb.MsgHeartbeat, &pb.Message{Commit: new(n.core.lastIndex())})
	n.settle()
	type run struct {
		first, last uint64
		version, to uint32
		commands    int
	}
	of := func(a Apply) run {
		return run{a.First - index, a.Last - index, a.Before.CommandVersion(), a.Switch, len(a.Commands)}
	}
	want := []run{{0, 2, 0, 1, 2}, {3, 4, 1, 4, 1}, {5, 5, 4, 2, 0}, {6, 7, 4, 0, 1}}
	var got []run
	for _, a := range n.out.Applies {
		if a.First >= index {
			got = append(got, of(a))
		}
	}
	var again []run
	for rest := entries; len(rest) > 0; {
		part := rest[:UntilEnd(rest)]
		a, err := Reread(before, part)
		n.must(err)
		again = append(again, of(a))
		before, rest = a.Registry, rest[len(part):]
	}
	if !slices.Equal(got, want) {
		t.Errorf("runs %+v, want %+v", got, want)
	}
	if !slices.Equal(again, want) {
		t.Errorf("runs that were read again %+v, want %+v", again, want)
	}
	if got := n.core.Registry().CommandVersion(); got != 4 || LastSwitch(entries) != 4 {
		t.Errorf("command version %d, by the log %d, want 4", got, LastSwitch(entries))
	}
}

// A voter does not take a switch that would end it, nor does its log, if its state machine
// has said what it applies. One whose state machine has not takes it, as a learner does.
func TestAVoterRefusesASwitchThatItsStateMachineDoesNotApply(t *testing.T) {
	for name, x := range map[string]struct {
		tune  func(*trio)
		takes bool
	}{
		"a voter":                                {func(*trio) {}, false},
		"a voter whose state machine applies it": {func(n *trio) { n.own(2, 7) }, true},
		"a voter whose state machine is starting": {func(n *trio) {
			n.core.SetCommandVersions(CommandVersions{})
		}, true},
		"a learner": {func(n *trio) { n.asLearner() }, true},
	} {
		t.Run(name, func(t *testing.T) {
			n := gated(t, 6)
			x.tune(n)
			index := n.core.lastIndex() + 1
			before, err := n.core.log.Term(index - 1)
			n.must(err)
			n.term++
			e := storage.Entry{Term: n.term, Index: index, Data: []byte("\xf3{\"command_version\":7}")}
			err = n.core.Step(&pb.Message{
				Type: pb.MsgApp.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(n.term),
				Index: new(index - 1), LogTerm: new(before), Commit: new(index), Entries: fromEntries([]storage.Entry{e}),
			})
			n.settle()
			if took := n.core.lastIndex() == index; took != x.takes {
				t.Errorf("took the switch: %t, want %t (%v)", took, x.takes, err)
			}
			if !x.takes && (!errors.Is(err, ErrInvalidMessage) || !strings.Contains(err.Error(), "switch to command version 7, and the state machine of this member applies 0 to 6")) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A switch to no version, and one that is not JSON, are in no log.
func TestSwitchesThatNoLeaderWritesAreRefused(t *testing.T) {
	for _, text := range []string{"", "{", `{"command_version":0}`, `{}`, `{"command_version":-1}`, `{"command_version":4294967296}`, strings.Repeat(" ", maxSwitch)} {
		e := storage.Entry{Term: 1, Index: 1, Data: append([]byte{switchVersion}, text...)}
		if err := validateData(&e); err == nil {
			t.Errorf("%.40q is taken", text)
		}
	}
}

// A leader that was deposed before its switch was committed, and whose log was cut, leads
// again with a shorter log: the switch is written anew, at an index below the first one.
func TestASwitchThatWasCutIsWrittenAgain(t *testing.T) {
	n := gated(t, 1)
	n.wantVersion(0, "the others apply version 0 alone")
	n.hearsClocks()
	for i := range uint64(20) {
		if err := n.core.Propose([]Proposal{NewProposal(RequestID{Origin: 1, Number: 100 + i}, []byte("x"))}); err != nil {
			t.Fatal(err)
		}
		n.settle()
	}
	cut := n.core.putOut + 1
	n.applies[2], n.applies[3] = plugins.Versions{Greatest: 1}, plugins.Versions{Greatest: 1}
	n.live(3, 2, 3) // heartbeats are answered, appends are not
	if n.core.levels.switched == 0 {
		t.Fatal("no switch was proposed")
	}
	n.supersede(cut, storage.Entry{})
	n.elect()
	for range 50 {
		n.settled(2, 3)
	}
	if got := n.core.Registry().CommandVersion(); got != 1 {
		t.Errorf("command version %d, want 1", got)
	}
}

// hearsClocks lets the leader know the time, so that it takes proposals.
func (n *trio) hearsClocks() {
	n.core.cfg.Clock, n.core.cfg.MaxClockDifference = func() uint64 { return noon }, 10_000
	for id := uint64(2); id <= 3; id++ {
		m := &pb.Message{Type: pb.MsgHeartbeatResp.Enum(), From: new(id), To: new(uint64(1)), Term: new(n.term)}
		n.core.hear(heard{m, gossip{clock: noon, level: member.CommandVersionLevel, run: id}})
	}
}

// A voter takes no version by a snapshot that it does not take as an entry.
func TestAVoterRefusesASnapshotOfAVersionThatItsStateMachineDoesNotApply(t *testing.T) {
	n := gated(t, 6)
	n.settled(2, 3)
	n.term++
	n.from(2, pb.MsgHeartbeat, &pb.Message{Commit: new(uint64(0))}) // it leads
	for version, taken := range map[uint32]bool{6: true, 7: false} {
		registry := n.core.Registry().Switch(member.Switch{CommandVersion: version})
		m := &pb.Message{
			Type: pb.MsgSnap.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(n.term),
			Snapshot: &pb.Snapshot{Metadata: fromMetadata(storage.SnapshotMetadata{
				Index: n.core.lastIndex() + 10, Term: n.term, ConfState: storage.ConfState{Voters: registry.Voters(), Learners: registry.Learners()},
			})},
		}
		if err := n.core.CheckSnapshot(m, registry); (err == nil) != taken {
			t.Errorf("a snapshot of version %d: %v", version, err)
		}
	}
}

// In a new cluster of state machines that have given version 0 up, the leader takes no
// proposals before the first switch: they would be of version 0.
func TestNothingIsTakenBeforeTheFirstVersion(t *testing.T) {
	n := gated(t, 2)
	n.hearsClocks()
	n.own(1, 2)
	propose := func(number uint64) error {
		return n.core.Propose([]Proposal{NewProposal(RequestID{Origin: 1, Number: number}, []byte("x"))})
	}
	if err := propose(1); !errors.Is(err, ErrDropped) {
		t.Errorf("before a switch: %v, want %v", err, ErrDropped)
	}
	if room := n.core.Room(); room != 0 {
		t.Errorf("before a switch there is room for %d bytes: the proposals that wait would be refused", room)
	}
	n.applies[2], n.applies[3] = plugins.Versions{Least: 1, Greatest: 2}, plugins.Versions{Least: 1, Greatest: 2}
	n.wantVersion(2, "all apply it")
	n.hearsClocks()
	if err := propose(2); err != nil || n.core.Room() == 0 {
		t.Errorf("after it: %v, with room for %d bytes", err, n.core.Room())
	}
}
