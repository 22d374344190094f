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
