package core

import (
	"fmt"
	"testing"

	"github.com/pontoon-raft/pontoon/core/member"
)

// A member believes that it was removed when most of the other voters say so, by
// the same change; the word of one of several proves nothing, nor that of a
// learner.
func TestARemovalIsConfirmedByAMajority(t *testing.T) {
	proof := member.Removed{ID: 1, Index: 100, Term: 3}
	other := member.Removed{ID: 1, Index: 101, Term: 3}
	for _, tc := range []struct {
		name    string
		voters  int
		learner member.ID
		words   map[member.ID]member.Removed
		want    bool
	}{
		{"no voter is known", 0, 0, map[member.ID]member.Removed{2: proof}, true},
		{"the only voter, and a learner", 1, 2, map[member.ID]member.Removed{2: proof}, false},
		{"the only other one", 2, 0, map[member.ID]member.Removed{2: proof}, true},
		{"one of two", 3, 0, map[member.ID]member.Removed{2: proof}, false},
		{"both of two", 3, 0, map[member.ID]member.Removed{2: proof, 3: proof}, true},
		{"two of two, by different changes", 3, 0, map[member.ID]member.Removed{2: proof, 3: other}, false},
		{"two of four", 5, 0, map[member.ID]member.Removed{2: proof, 3: proof}, false},
		{"three of four", 5, 0, map[member.ID]member.Removed{2: proof, 3: proof, 5: proof}, true},
		{"one of two, and a learner", 3, 4, map[member.ID]member.Removed{2: proof, 4: proof}, false},
		{"one of two, often, and a stranger", 3, 0, map[member.ID]member.Removed{2: proof, 99: proof}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			registry := &member.Registry{}
			for id := member.ID(1); int(id) <= tc.voters || id == tc.learner; id++ {
				var err error
				m := member.Member{ID: id, Name: id.String(), PeerURLs: []string{fmt.Sprintf("http://n%s:1", id)}, Learner: id == tc.learner}
				if registry, err = registry.Apply(member.Change{Op: member.Add, Member: m}, uint64(id), 1); err != nil {
					t.Fatal(err)
				}
			}
			var words removalWords
			for id, word := range tc.words {
				words.say(id, word)
				words.say(id, word)
			}
			if got := words.confirmed(1, registry, proof); got != tc.want {
				t.Errorf("confirmed: %t, want %t", got, tc.want)
			}
		})
	}
}
