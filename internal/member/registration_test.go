package member

import (
	"encoding/json"
	"testing"
)

// The first store of a member counts, and the first number of a cluster: a
// registration that comes later, or names no member, changes nothing of that.
// Changes do not touch a store, and a snapshot has it.
func TestTheFirstRegistrationCounts(t *testing.T) {
	r := &Registry{}
	for id := ID(1); id <= 2; id++ {
		var err error
		if r, err = r.Apply(Change{Op: Add, Member: Member{ID: id, Name: id.String(), PeerURLs: []string{"http://" + id.String() + ":1"}}}, 1, 1); err != nil {
			t.Fatal(err)
		}
	}
	r = r.Register(Registration{Number: 7, Stores: []MemberStore{{1, 11}, {9, 99}}})
	r = r.Register(Registration{Number: 8, Stores: []MemberStore{{1, 12}, {2, 22}}})
	check := func(when string, r *Registry) {
		t.Helper()
		if r.Number() != 7 || r.Store(1) != 11 || r.Store(2) != 22 || r.Store(9) != 0 {
			t.Errorf("%s: number %d, stores %d, %d and %d", when, r.Number(), r.Store(1), r.Store(2), r.Store(9))
		}
	}
	check("registered", r)
	r, err := r.Apply(Change{Op: Update, Member: Member{ID: 1, Name: "moved", PeerURLs: []string{"http://h:1"}, Store: 13}}, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	check("updated", r)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var again Registry
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	check("from a snapshot", &again)
	if _, any := again.Unregistered(map[ID]uint64{1: 12, 2: 23}); any {
		t.Error("what is registered is to be registered again")
	}
	if r := again.Register(Registration{Refound: true, Founding: 5}); r.Number() != 0 || r.Store(1) != 0 || r.Store(2) != 0 || r.Founding() != 5 {
		t.Errorf("founded anew: number %d, stores %d and %d, founding %d", r.Number(), r.Store(1), r.Store(2), r.Founding())
	}
}
