package member

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzRegistry: a registry, in a snapshot of a peer or a disk, is refused, or is
// written and read alike, and a change of it leads to one that can be read too.
func FuzzRegistry(f *testing.F) {
	r := &Registry{}
	for i, c := range []Change{
		{Op: Add, Member: Member{ID: 1, Name: "n1", PeerURLs: []string{"http://127.0.0.1:1"}, ClientAddress: "127.0.0.1:2"}},
		{Op: Add, Member: Member{ID: 2, Name: "n2", PeerURLs: []string{"http://127.0.0.1:3"}, Learner: true}},
		{Op: Remove, Member: Member{ID: 2}},
	} {
		next, err := r.Apply(c, uint64(i+1), 1)
		if err != nil {
			f.Fatal(err)
		}
		r = next
	}
	seed, err := json.Marshal(r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"members":[{"id":1},{"id":1}]}`))
	f.Add([]byte(`{"removed":[{"id":0}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Registry
		if json.Unmarshal(b, &r) != nil {
			return
		}
		sameAgain(t, &r)
		for _, m := range r.Members() {
			next, err := r.Apply(Change{Op: Remove, Member: Member{ID: m.ID}}, 1<<40, 7)
			if err == nil {
				sameAgain(t, next)
			}
		}
	})
}

// sameAgain checks that a registry is read as it was written.
func sameAgain(t *testing.T, r *Registry) {
	t.Helper()
	first, err := json.Marshal(r)
	if err != nil {
		t.Fatalf("registry that was read cannot be written: %v", err)
	}
	var again Registry
	if err := json.Unmarshal(first, &again); err != nil {
		t.Fatalf("registry that was written cannot be read: %v\n%s", err, first)
	}
	second, err := json.Marshal(&again)
	if err != nil || !bytes.Equal(first, second) {
		t.Fatalf("%s became %s: %v", first, second, err)
	}
}
