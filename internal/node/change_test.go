package node

import (
	"errors"
	"slices"
	"strings"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/defaults"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// trio is node 1 of three; the others are what the test says. Its disk and its
// state machine take everything at once.
type trio struct {
	t       *testing.T
	core    *Core
	out     Output // all that came out
	term    uint64
	said    map[uint64]uint64           // the levels that peers announce with their answers
	applies map[uint64]plugins.Versions // the command versions that they announce beside a level
	hashes  map[uint64]StateHash        // the hashes of their states that they announce beside a level
}

func newTrio(t *testing.T) *trio {
	t.Helper()
	return newVoters(t, 3)
}

// newVoters is a trio of any size.
func newVoters(t *testing.T, count int, tune ...func(*Config)) *trio {
	t.Helper()
	n := newFounders(t, count, tune...)
	n.core.registry = n.core.registry.Register(member.Registration{Number: 7}) // these tests begin after the founding
	return n
}

// tabled is a configuration with the numbers of the host's table in the place of zeros.
func tabled(c Config) Config {
	defaults.Or(&c.MaxAppends, defaults.MaxInflightAppends)
	defaults.Or(&c.MaxPending, defaults.MaxPending)
	defaults.Or(&c.MaxPendingBytes, defaults.MaxPendingBytes)
	return c
}

// newFounders is a trio of any size whose cluster has no number yet.
func newFounders(t *testing.T, count int, tune ...func(*Config)) *trio {
	t.Helper()
	var members []member.Member
	for i := range count {
		members = append(members, voter(member.ID(i+1)))
	}
	cfg := tabled(Config{
		ID: 1, Group: 1, ElectionTicks: 10, HeartbeatTicks: 1, Limits: plugins.DefaultLimits(),
		State: storage.State{FirstIndex: 1}, Bootstrap: members, MaxUncommittedBytes: 1000,
	})
	for _, f := range tune {
		f(&cfg)
	}
	c, err := NewCore(cfg)
	if err != nil {
		t.Fatal(err)
	}
	n := &trio{t: t, core: c}
	n.settle()
	return n
}

func voter(id member.ID) member.Member {
	return member.Member{ID: id, Name: id.String(), PeerURLs: []string{"http://" + id.String() + ":1"}}
}

func (n *trio) settle() {
	n.t.Helper()
	for {
		out := n.core.Output()
		n.out.Refused = append(n.out.Refused, out.Refused...)
		n.out.Rejected = append(n.out.Rejected, out.Rejected...)
		n.out.Unanswered = append(n.out.Unanswered, out.Unanswered...)
		n.out.Messages = append(n.out.Messages, out.Messages...)
		n.out.Applies = append(n.out.Applies, out.Applies...)
		n.out.Snapshots = append(n.out.Snapshots, out.Snapshots...)
		n.out.StateChanged = n.out.StateChanged || out.StateChanged
		if len(out.Appends)+len(out.Applies) == 0 {
			return
		}
		for _, a := range out.Appends {
			n.must(n.core.AppendDone(a.Number))
		}
	}
}

func (n *trio) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// from steps a message of a peer.
func (n *trio) from(id uint64, kind pb.MessageType, m *pb.Message) {
	n.t.Helper()
	m.Type, m.From, m.To = kind.Enum(), new(id), new(uint64(1))
	if m.Term == nil {
		m.Term = new(n.term)
	}
	n.must(n.core.Step(m))
	n.settle()
}

// elect makes node 1 the leader, and the others take all that it has.
func (n *trio) elect() {
	n.t.Helper()
	for range 100 {
		n.must(n.core.Tick())
		n.settle()
		st := n.core.raft.BasicStatus()
		n.term = st.GetTerm()
		for _, id := range n.core.Registry().Voters()[1:] {
			if st.RaftState.String() == "StateLeader" {
				n.ack(id)
				continue
			}
			n.from(id, pb.MsgPreVoteResp, &pb.Message{Term: new(n.term + 1)})
			n.from(id, pb.MsgVoteResp, &pb.Message{Term: new(n.core.raft.BasicStatus().GetTerm())})
		}
		if st.RaftState.String() == "StateLeader" {
			return
		}
	}
	n.t.Fatal("not elected")
}

// ack is a peer's word that it has everything.
func (n *trio) ack(id uint64) {
	n.t.Helper()
	n.from(id, pb.MsgAppResp, &pb.Message{Index: new(n.core.lastIndex())})
}

// supersede is an append of a new leader that overwrites the entry at index.
func (n *trio) supersede(index uint64, entries ...storage.Entry) {
	n.t.Helper()
	before, err := n.core.log.Term(index - 1)
	n.must(err)
	n.term++
	for i := range entries {
		entries[i].Term, entries[i].Index = n.term, index+uint64(i)
	}
	n.from(2, pb.MsgApp, &pb.Message{Index: new(index - 1), LogTerm: new(before), Entries: fromEntries(entries)})
}

var changeID = RequestID{Origin: 1, Number: 5}

// A change that raft will not take, because another is not applied, is refused
// for certain.
func TestSecondChangeIsRefused(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.must(n.core.ProposeChange(changeID, member.Change{Op: member.Add, Member: voter(4)}, nil))
	err := n.core.ProposeChange(RequestID{Origin: 1, Number: 6}, member.Change{Op: member.Add, Member: voter(5)}, nil)
	if !errors.Is(err, ErrChangePending) {
		t.Errorf("got %v, want %v", err, ErrChangePending)
	}
	n.settle()
	n.ack(2)
	if _, ok := n.core.Registry().Member(4); !ok || len(n.out.Refused) != 0 {
		t.Errorf("members %v, refused %v", n.core.Registry().Members(), n.out.Refused)
	}
	n.must(n.core.ProposeChange(RequestID{Origin: 1, Number: 7}, member.Change{Op: member.Add, Member: voter(5)}, nil))
}

// Another leader overwrote the change; a third may bring it back from a node
// that has it. So it is not refused, and later changes are not held up by it.
func TestOverwrittenChangeIsUnknown(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.must(n.core.ProposeChange(changeID, member.Change{Op: member.Add, Member: voter(4)}, nil))
	n.settle()
	index := n.core.lastIndex()
	n.supersede(index, storage.Entry{})
	if slices.Contains(n.out.Refused, changeID) {
		t.Error("the outcome was called definite")
	}
	if n.core.changePending.index != 0 {
		t.Error("the change still holds up others")
	}
}

// A snapshot covers the change that was proposed here: its outcome is in there,
// and later changes are not held up by it.
func TestSnapshotEndsAPendingChange(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.must(n.core.ProposeChange(changeID, member.Change{Op: member.Add, Member: voter(4)}, nil))
	n.settle()
	registry, err := n.core.Registry().Apply(member.Change{Op: member.Add, Member: voter(7)}, 40, 2)
	n.must(err)
	n.term++
	n.from(2, pb.MsgHeartbeat, &pb.Message{})
	n.out = Output{}
	n.install(50, registry)
	if n.core.changePending.index != 0 {
		t.Error("the change still holds up others")
	}
	if _, ok := n.core.Registry().Member(7); !ok || !n.out.StateChanged {
		t.Errorf("members %v, told: %t", n.core.Registry().Members(), n.out.StateChanged)
	}
}

// install receives a snapshot.
func (n *trio) install(index uint64, registry *member.Registry) {
	n.t.Helper()
	m := &pb.Message{
		Type: pb.MsgSnap.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(n.term),
		Snapshot: &pb.Snapshot{Metadata: fromMetadata(storage.SnapshotMetadata{
			Index: index, Term: n.term, ConfState: storage.ConfState{Voters: registry.Voters(), Learners: registry.Learners()},
		})},
	}
	n.must(n.core.SnapshotReceived(m, registry, 0))
	n.settle()
	n.settle()
}

// No peer would take the entry, so it must not get into the log.
func TestChangeLargerThanAnEntryIsRefused(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.core.limits.entry = 1000
	m := voter(4)
	m.ClientAddress = strings.Repeat("x", 1000)
	last := n.core.lastIndex()
	if err := n.core.ProposeChange(changeID, member.Change{Op: member.Add, Member: m}, nil); !errors.Is(err, member.ErrInvalid) {
		t.Errorf("got %v, want %v", err, member.ErrInvalid)
	}
	if n.core.lastIndex() != last {
		t.Error("it is in the log")
	}
}

// The plugin's word of its log must not make the log in memory one that cannot
// serve a follower.
func TestLiesOfTheStorageAboutItsLog(t *testing.T) {
	n := newTrio(t)
	n.elect()
	for i := range 20 {
		n.must(n.core.Propose([]Proposal{NewProposal(RequestID{Origin: 1, Number: uint64(i)}, []byte("x"))}))
	}
	n.settle()
	n.ack(2)
	n.core.Compacted(15)
	if n.core.log.first != 1 {
		t.Errorf("without a snapshot the log begins at %d, want 1", n.core.log.first)
	}
	voters := n.core.Registry().Voters()
	n.core.SnapshotSaved(storage.SnapshotMetadata{Index: 10, Term: n.term, ConfState: storage.ConfState{Voters: voters}})
	n.core.Compacted(1 << 60)
	if n.core.log.first != 11 {
		t.Errorf("behind the snapshot at 10 the log begins at %d, want 11", n.core.log.first)
	}
	entries := toEntries(nil, n.core.log.tail)
	n.core.Fetched([]storage.Entry{entries[0], entries[2]})
	if n.core.log.window != nil {
		t.Error("entries with a gap were taken")
	}
	n.core.Fetched(entries[:3])
	if len(n.core.log.window) != 3 {
		t.Error("sound entries were not taken")
	}
}

func TestBootstrapMembersMustFitTogether(t *testing.T) {
	twin := voter(2)
	twin.Name = "1"
	for name, members := range map[string][]member.Member{
		"the same name": {voter(1), twin},
		"descending":    {voter(2), voter(1)},
		"incomplete":    {voter(1), {ID: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewCore(tabled(Config{
				ID: 1, ElectionTicks: 10, HeartbeatTicks: 1, Limits: plugins.DefaultLimits(),
				State: storage.State{FirstIndex: 1}, Bootstrap: members,
			}))
			if err == nil {
				t.Error("taken")
			}
		})
	}
}
