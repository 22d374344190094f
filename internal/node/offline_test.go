package node

import (
	"slices"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// TestReplayedMembership: a node accepts and applies what ChangeEntry makes;
// refused changes have no effect, and damaged ones are errors.
func TestReplayedMembership(t *testing.T) {
	add := func(id member.ID, name string, learner bool) member.Change {
		return member.Change{Op: member.Add, Member: member.Member{ID: id, Name: name, PeerURLs: []string{"http://" + name}, Learner: learner}}
	}
	remove := func(id member.ID) member.Change {
		return member.Change{Op: member.Remove, Member: member.Member{ID: id}}
	}
	entries := []storage.Entry{{Index: 1, Term: 1}}
	for _, c := range []member.Change{
		add(1, "n1", false), add(2, "n2", false), add(3, "n3", true), remove(9), remove(2), add(3, "n3", false), remove(1),
	} {
		e, err := ChangeEntry(uint64(len(entries)+1), 4, c)
		if err != nil {
			t.Fatal(err)
		}
		if err := validateData(&e); err != nil {
			t.Errorf("a node refuses %+v: %v", c, err)
		}
		entries = append(entries, e)
	}
	r, err := ReplayMembership(&member.Registry{}, entries)
	if err != nil {
		t.Fatal(err)
	}
	removed, ok := r.WasRemoved(2)
	if !slices.Equal(r.Voters(), []uint64{3}) || len(r.Learners()) != 0 || !ok || removed.Index != 6 || removed.Term != 4 {
		t.Errorf("voters %v, learners %v, removal of 2: %+v", r.Voters(), r.Learners(), removed)
	}
	entries[1].Data = entries[1].Data[:3]
	if _, err := ReplayMembership(&member.Registry{}, entries); err == nil {
		t.Error("a damaged change was taken")
	}
}
