package member

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// grown applies additions of plain members.
func grown(t *testing.T, members ...Member) *Registry {
	t.Helper()
	r := &Registry{}
	for i, m := range members {
		next, err := r.Apply(Change{Op: Add, Member: m}, uint64(i+1), 1)
		if err != nil {
			t.Fatal(err)
		}
		r = next
	}
	return r
}

func plain(id ID) Member {
	return Member{ID: id, Name: fmt.Sprintf("n%d", id), PeerURLs: []string{fmt.Sprintf("http://n%d:1", id)}}
}

func learner(id ID) Member {
	m := plain(id)
	m.Learner = true
	return m
}

func edited(m Member, edit func(*Member)) Member {
	edit(&m)
	return m
}

func TestRefusals(t *testing.T) {
	gone := grown(t, plain(1), plain(2), learner(3), plain(4))
	r, err := gone.Apply(Change{Op: Remove, Member: Member{ID: 4}}, 9, 2)
	if err != nil {
		t.Fatal(err)
	}
	many := make([]string, 17)
	for i := range many {
		many[i] = fmt.Sprint("http://many:", i)
	}
	for _, tc := range []struct {
		name   string
		change Change
		want   error
	}{
		{"a voter again", Change{Add, plain(1)}, ErrExists},
		{"a voter as a learner", Change{Add, learner(1)}, ErrExists},
		{"a learner again", Change{Add, learner(3)}, ErrExists},
		{"a learner becomes a voter", Change{Add, plain(3)}, nil},
		{"a new voter", Change{Add, plain(5)}, nil},
		{"a new learner", Change{Add, learner(5)}, nil},
		{"another's name", Change{Add, edited(plain(5), func(m *Member) { m.Name = "n1" })}, ErrExists},
		{"another's URL", Change{Add, edited(plain(5), func(m *Member) { m.PeerURLs = []string{"http://x:1", "http://n2:1"} })}, ErrExists},
		{"a removed id", Change{Add, plain(4)}, ErrRemovedID},
		{"a removed id as a learner", Change{Add, learner(4)}, ErrRemovedID},
		{"a removed member's name", Change{Add, edited(plain(5), func(m *Member) { m.Name = "n4" })}, nil},
		{"no id", Change{Add, plain(0)}, ErrInvalid},
		{"raft's own id", Change{Add, plain(math.MaxUint64)}, ErrInvalid},
		{"raft's other id", Change{Add, plain(math.MaxUint64 - 1)}, ErrInvalid},
		{"no name", Change{Add, edited(plain(5), func(m *Member) { m.Name = "" })}, ErrInvalid},
		{"no URL", Change{Add, edited(plain(5), func(m *Member) { m.PeerURLs = nil })}, ErrInvalid},
		{"an empty URL", Change{Add, edited(plain(5), func(m *Member) { m.PeerURLs = []string{""} })}, ErrInvalid},
		{"a name that is too long", Change{Add, edited(plain(5), func(m *Member) { m.Name = strings.Repeat("x", 257) })}, ErrInvalid},
		{"an address that is too long", Change{Add, edited(plain(5), func(m *Member) { m.ClientAddress = strings.Repeat("x", 1025) })}, ErrInvalid},
		{"too many URLs", Change{Add, edited(plain(5), func(m *Member) { m.PeerURLs = many })}, ErrInvalid},
		{"an update", Change{Update, edited(plain(2), func(m *Member) { m.Name = "other" })}, nil},
		{"an update to another's name", Change{Update, edited(plain(2), func(m *Member) { m.Name = "n1" })}, ErrExists},
		{"an update of nobody", Change{Update, plain(5)}, ErrUnknown},
		{"an update of a removed one", Change{Update, plain(4)}, ErrUnknown},
		{"removing nobody", Change{Remove, plain(5)}, ErrUnknown},
		{"removing twice", Change{Remove, plain(4)}, ErrUnknown},
		{"removing a learner", Change{Remove, plain(3)}, nil},
		{"removing the last but one", Change{Remove, plain(2)}, nil},
		{"an unknown operation", Change{"swap", plain(1)}, ErrInvalid},
		{"no operation", Change{"", plain(5)}, ErrInvalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			next, err := r.Apply(tc.change, 10, 2)
			if !errors.Is(err, tc.want) || (tc.want == nil) != (err == nil) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if err != nil && next != r {
				t.Error("a refused change made another registry")
			}
		})
	}
	one := grown(t, plain(1), learner(2))
	if _, err := one.Apply(Change{Remove, plain(1)}, 3, 1); !errors.Is(err, ErrLastVoter) {
		t.Errorf("removing the last voter beside a learner: %v", err)
	}
}

// An update names what changes; the rest is filled in before it is proposed.
func TestUpdateOfAPartIsCompleted(t *testing.T) {
	whole := learner(2)
	whole.ClientAddress = "n2:2"
	r := grown(t, plain(1), whole)
	urls := []string{"http://n2:1", "quic://n2:1"}
	for _, tc := range []struct {
		name        string
		given, want Change
	}{
		{
			"peer URLs",
			Change{Update, Member{ID: 2, PeerURLs: urls}},
			Change{Update, edited(whole, func(m *Member) { m.PeerURLs = urls })},
		},
		{
			"the client address",
			Change{Update, Member{ID: 2, ClientAddress: "x:1"}},
			Change{Update, edited(whole, func(m *Member) { m.ClientAddress = "x:1" })},
		},
		{"the name", Change{Update, Member{ID: 2, Name: "new"}}, Change{Update, edited(whole, func(m *Member) { m.Name = "new" })}},
		{"nothing", Change{Update, Member{ID: 2}}, Change{Update, whole}},
		{"nobody's", Change{Update, Member{ID: 9, Name: "x"}}, Change{Update, Member{ID: 9, Name: "x"}}},
		{"another operation", Change{Add, Member{ID: 2}}, Change{Add, Member{ID: 2}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := r.Complete(tc.given); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

// The mark of a learner that is to be promoted stands in the registry, so every
// leader knows it; it lasts until the learner is a voter, whatever else changes.
func TestPromotionIsRemembered(t *testing.T) {
	marked := edited(learner(2), func(m *Member) { m.Promote = true })
	r := grown(t, plain(1), marked)
	moved := edited(plain(2), func(m *Member) { m.PeerURLs = []string{"http://elsewhere:1"} })
	r, err := r.Apply(Change{Update, moved}, 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var read Registry
	if err := json.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	if m, _ := read.Member(2); !m.Promote || !m.Learner || m.PeerURLs[0] != "http://elsewhere:1" {
		t.Errorf("after an update and a snapshot the member is %+v", m)
	}
	if r, err = read.Apply(Change{Add, edited(moved, func(m *Member) { m.Promote = true })}, 4, 1); err != nil {
		t.Fatal(err)
	}
	if m, _ := r.Member(2); m.Promote || m.Learner {
		t.Errorf("as a voter the member is %+v", m)
	}
}

// The registry against the plainest model, with a round trip through JSON at
// every step. Earlier registries never change.
func TestRegistryModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &Registry{}
		members, removed := map[ID]Member{}, map[ID]Removed{}
		index := uint64(0)
		voters := func() (n int) {
			for _, m := range members {
				if !m.Learner {
					n++
				}
			}
			return n
		}
		apply := func(t *rapid.T, c Change, want bool) bool {
			index++
			before, _ := json.Marshal(r)
			next, err := r.Apply(c, index, 3)
			if after, _ := json.Marshal(r); string(after) != string(before) {
				t.Fatalf("%+v changed the registry in place", c)
			}
			if (err == nil) != want {
				t.Fatalf("%+v gave %v, want success: %t", c, err, want)
			}
			r = next
			return want
		}
		id := rapid.Map(rapid.IntRange(1, 6), func(i int) ID { return ID(i) })
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				m := plain(id.Draw(t, "id"))
				m.Learner = rapid.Bool().Draw(t, "learner")
				old, exists := members[m.ID]
				_, gone := removed[m.ID]
				if apply(t, Change{Add, m}, !gone && (!exists || old.Learner && !m.Learner)) {
					members[m.ID] = m
				}
			},
			"remove": func(t *rapid.T) {
				m := id.Draw(t, "id")
				old, exists := members[m]
				if apply(t, Change{Remove, Member{ID: m}}, exists && (old.Learner || voters() > 1)) {
					delete(members, m)
					removed[m] = Removed{ID: m, Index: index, Term: 3}
				}
			},
			"update": func(t *rapid.T) {
				m := plain(id.Draw(t, "id"))
				m.Learner = rapid.Bool().Draw(t, "learner") // an update does not change it
				m.ClientAddress = rapid.StringN(0, 8, -1).Draw(t, "address")
				old, exists := members[m.ID]
				if apply(t, Change{Update, m}, exists) {
					m.Learner = old.Learner
					members[m.ID] = m
				}
			},
			"": func(t *rapid.T) {
				check(t, r, members, removed)
				b, err := json.Marshal(r)
				if err != nil {
					t.Fatal(err)
				}
				var back Registry
				if err := json.Unmarshal(b, &back); err != nil {
					t.Fatal(err)
				}
				check(t, &back, members, removed)
				if again, _ := json.Marshal(&back); string(again) != string(b) {
					t.Fatalf("the round trip made %s of %s", again, b)
				}
			},
		})
	})
}

func check(t *rapid.T, r *Registry, members map[ID]Member, removed map[ID]Removed) {
	t.Helper()
	var voters, learners []uint64
	for _, m := range r.Members() {
		want, ok := members[m.ID]
		if !ok || want.Name != m.Name || want.Learner != m.Learner || !slices.Equal(want.PeerURLs, m.PeerURLs) {
			t.Fatalf("member %+v, want %+v", m, want)
		}
		if m.Learner {
			learners = append(learners, uint64(m.ID))
		} else {
			voters = append(voters, uint64(m.ID))
		}
	}
	if len(r.Members()) != len(members) || !slices.Equal(r.Voters(), voters) || !slices.Equal(r.Learners(), learners) {
		t.Fatalf("members %v, voters %v, learners %v", r.Members(), r.Voters(), r.Learners())
	}
	if len(r.RemovedMembers()) != len(removed) {
		t.Fatalf("removed %v, want %v", r.RemovedMembers(), removed)
	}
	for id, want := range removed {
		if got, ok := r.WasRemoved(id); !ok || got != want {
			t.Fatalf("removed %v, want %v", got, want)
		}
	}
}

// A snapshot's header comes from a peer or a disk.
func TestUnmarshalRefusesWhatNoChangesLeadTo(t *testing.T) {
	one := `{"id":1,"name":"a","peer_urls":["http://a:1"]}`
	for name, text := range map[string]string{
		"not JSON":                `{`,
		"a member twice":          `{"members":[` + one + `,` + one + `]}`,
		"the same name":           `{"members":[` + one + `,{"id":2,"name":"a","peer_urls":["http://b:1"]}]}`,
		"a removed member":        `{"members":[` + one + `],"removed":[{"id":1,"index":3,"term":1}]}`,
		"removed twice":           `{"members":[` + one + `],"removed":[{"id":2},{"id":2}]}`,
		"nobody removed":          `{"members":[` + one + `],"removed":[{"id":0}]}`,
		"a member without a name": `{"members":[{"id":1,"peer_urls":["http://a:1"]}]}`,
		"a reserved id":           `{"members":[{"id":18446744073709551615,"name":"a","peer_urls":["http://a:1"]}]}`,
		"an id out of range":      `{"members":[{"id":-1,"name":"a","peer_urls":["http://a:1"]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			r := grown(t, plain(7))
			if err := json.Unmarshal([]byte(text), r); err == nil {
				t.Errorf("taken: %v", r.Members())
			}
			if _, ok := r.Member(7); !ok {
				t.Error("a refused registry left a mark")
			}
		})
	}
}

func TestParseID(t *testing.T) {
	for text, want := range map[string]ID{"1": 1, "ff": 255, "FF": 255, "ffffffffffffffff": math.MaxUint64} {
		if got, err := ParseID(text); err != nil || got != want {
			t.Errorf("%q gave %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0x1", "g", "-1", "10000000000000000"} {
		if id, err := ParseID(text); err == nil {
			t.Errorf("%q gave %v", text, id)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		id := ID(rapid.Uint64().Draw(t, "id"))
		if back, err := ParseID(id.String()); err != nil || back != id {
			t.Fatalf("%v came back as %v, %v", id, back, err)
		}
	})
}
