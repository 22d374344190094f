package member

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// The ids of removed members are kept for ever, so a cluster whose members come and go
// would have a membership one day that no snapshot can hold: no member could be started
// from it. A change that makes the membership larger is refused before that; a removal
// and the promotion of a learner are not.
func TestAMembershipThatNoSnapshotHoldsIsNotAdmitted(t *testing.T) {
	r := registryAtItsLimit(t)
	named := func(id ID, name string) Member {
		return Member{ID: id, Name: name, PeerURLs: []string{"http://" + name + ":1"}}
	}
	for _, tc := range []struct {
		name   string
		change Change
		want   error
	}{
		{"another member", Change{Op: Add, Member: named(4, "n4")}, ErrFull},
		{"a longer name", Change{Op: Update, Member: named(2, "number-two")}, ErrFull},
		{"a removal", Change{Op: Remove, Member: Member{ID: 2}}, nil},
		{"a promotion", Change{Op: Add, Member: named(3, "n3")}, nil},
	} {
		if err := r.Admit(tc.change); !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
}

// registryAtItsLimit has 50,000 removed members, and a little more text than may grow.
func registryAtItsLimit(t testing.TB) *Registry {
	t.Helper()
	var removed strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&removed, `,{"id":%d,"index":%d,"term":%d}`, 1000+i, 1_000_000_000+i, 1000)
	}
	text := `{"members":[{"id":1,"name":"n1","peer_urls":["http://n1:1"]},{"id":2,"name":"n2","peer_urls":["http://n2:1"]},` +
		`{"id":3,"name":"n3","peer_urls":["http://n3:1"],"learner":true}],"number":7,"founding":5,"begun":true,"removed":[` + removed.String()[1:] + `]}`
	r := &Registry{}
	if err := r.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return r
}

// The measured size of a membership is the length of its text in a snapshot.
func TestTheRoomThatIsMeasuredIsThatOfTheText(t *testing.T) {
	r := &Registry{}
	for i := range 200 {
		id := ID(1) << (i % 62)
		if i%62 == i {
			next, err := r.Apply(Change{Op: Add, Member: Member{ID: id, Name: id.String(), PeerURLs: []string{"http://" + id.String() + ":1"}}}, 1, 1)
			if err != nil {
				t.Fatal(err)
			}
			r = next
		}
		if i >= 62 && i < 123 {
			next, err := r.Apply(Change{Op: Remove, Member: Member{ID: id}}, 1<<(i-62), uint64(i))
			if err != nil {
				t.Fatal(err)
			}
			r = next
		}
		text, err := r.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if got := r.presentSize() + r.removedSize(); got != len(text) {
			t.Fatalf("%d members and %d removed are measured as %d bytes, and have %d", len(r.members), len(r.removed), got, len(text))
		}
	}
}

// BenchmarkAdmit is what the raft goroutine takes for a change where the membership is as
// large as it may become.
func BenchmarkAdmit(b *testing.B) {
	r := registryAtItsLimit(b)
	c := Change{Op: Update, Member: Member{ID: 2, Name: "number-two", PeerURLs: []string{"http://n2:1"}}}
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Admit(c); !errors.Is(err, ErrFull) {
			b.Fatal(err)
		}
	}
}
