package node

import (
	"errors"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// A store that no node can have left is refused when its log is gone through,
// as it is when it is loaded.
func TestReplayedRefusesWhatIsNoLog(t *testing.T) {
	sound := storage.Entry{Term: 1, Index: 1, Data: NewProposal(changeID, []byte("x")).plain()}
	for name, spoil := range map[string]func(*storage.Entry){
		"a gap":              func(e *storage.Entry) { e.Index = 2 },
		"no command":         func(e *storage.Entry) { e.Data = []byte{plainVersion} },
		"of another version": func(e *storage.Entry) { e.Data = append([]byte{99}, e.Data[1:]...) },
	} {
		t.Run(name, func(t *testing.T) {
			at := Replayed{Registry: &member.Registry{}}
			e := sound
			if spoil(&e); !errors.Is(at.Add([]storage.Entry{e}), ErrInconsistent) {
				t.Error("taken")
			}
			if at.Index != 0 {
				t.Errorf("it counts as replayed up to %d", at.Index)
			}
			if err := at.Add([]storage.Entry{sound}); err != nil || at.Index != 1 {
				t.Errorf("a sound entry: replayed up to %d, %v", at.Index, err)
			}
		})
	}
}

// A node that begins at its commit index has the members there, puts nothing out
// again, and keeps nothing in memory but what comes after.
func TestANodeBeginsAtItsCommitIndex(t *testing.T) {
	var entries []storage.Entry
	for i, change := range []member.Change{{Op: member.Add, Member: voter(1)}, {Op: member.Add, Member: voter(2)}} {
		e, err := ChangeEntry(uint64(i+1), 1, change)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
	}
	for i := range uint64(3) {
		entries = append(entries, storage.Entry{Term: 2, Index: 3 + i, Data: NewProposal(changeID, []byte("x")).plain()})
	}
	at := Replayed{Registry: &member.Registry{}}
	if err := at.Add(entries[:4]); err != nil {
		t.Fatal(err)
	}
	cfg := tabled(Config{
		ID: 1, Group: 1, ElectionTicks: 10, HeartbeatTicks: 1, Limits: plugins.DefaultLimits(), Entries: entries[4:], Replayed: at,
		State: storage.State{
			HardState: storage.HardState{Term: 2, Commit: 4}, FirstIndex: 1, LastIndex: 5,
			Terms: []storage.TermBoundary{{}, {Index: 1, Term: 1}, {Index: 3, Term: 2}},
		},
	})
	c, err := NewCore(cfg)
	if err != nil {
		t.Fatal(err)
	}
	out, st := c.Output(), c.raft.Status()
	if len(out.Applies) != 0 || st.Applied != 4 || len(c.log.tail) != 1 {
		t.Errorf("%d runs are put out, raft has applied %d, %d entries are in memory; want 0, 4, 1", len(out.Applies), st.Applied, len(c.log.tail))
	}
	if n := len(st.Config.Voters.IDs()); n != 2 || len(c.Registry().Members()) != 2 || !out.StateChanged {
		t.Errorf("raft has %d voters, the registry %v, told: %t", n, c.Registry().Members(), out.StateChanged)
	}
	cfg.State.HardState.Commit = 3
	if _, err := NewCore(cfg); !errors.Is(err, ErrInconsistent) {
		t.Errorf("replayed beyond the commit index: %v, want %v", err, ErrInconsistent)
	}
}
