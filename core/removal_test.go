package core

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// A member believes that it was removed when most of the other voters say so, by
// the same change; the word of one of several proves nothing, nor that of a
// learner.
func TestB1ARemovalIsConfirmedByAMajority(t *testing.T) {
	proof := member.Removed{ID: 1, Index: 100, Term: 3}
	other, beyond := member.Removed{ID: 1, Index: 101, Term: 3}, member.Removed{ID: 1, Index: 102, Term: 3}
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
		{"the only other one, by a change beyond the log", 2, 0, map[member.ID]member.Removed{2: beyond}, false},
		{"two of two, by a change beyond the log", 3, 0, map[member.ID]member.Removed{2: beyond, 3: beyond}, true},
		{"two of two, by different changes", 3, 0, map[member.ID]member.Removed{2: proof, 3: other}, false},
		{"two of four", 5, 0, map[member.ID]member.Removed{2: proof, 3: proof}, false},
		{"three of four", 5, 0, map[member.ID]member.Removed{2: proof, 3: proof, 5: proof}, true},
		{"one of two, and a learner", 3, 4, map[member.ID]member.Removed{2: proof, 4: proof}, false},
		{"one of two, often, and a stranger", 3, 0, map[member.ID]member.Removed{2: proof, 99: proof}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			registry := votersAndLearner(t, tc.voters, tc.learner)
			var words removalWords
			asked := proof
			for id, word := range tc.words {
				words.say(id, word, time.Time{}, time.Minute)
				words.say(id, word, time.Time{}, time.Minute)
				if word == beyond {
					asked = beyond
				}
			}
			if got := words.confirmed(1, registry, asked, other.Index); got != tc.want {
				t.Errorf("confirmed: %t, want %t", got, tc.want)
			}
		})
	}
}

// votersAndLearner is a membership of so many voters, from 1 on, and a learner if
// its id is not 0.
func votersAndLearner(t *testing.T, voters int, learner member.ID) *member.Registry {
	t.Helper()
	registry := &member.Registry{}
	for id := member.ID(1); int(id) <= voters || id == learner; id++ {
		var err error
		m := member.Member{ID: id, Name: id.String(), PeerURLs: []string{fmt.Sprintf("http://n%s:1", id)}, Learner: id == learner}
		if registry, err = registry.Apply(member.Change{Op: member.Add, Member: m}, uint64(id), 1); err != nil {
			t.Fatal(err)
		}
	}
	return registry
}

// The word of fewer than most outlasts the silence of the others when more voters
// say the same for long, and still do, than can be reached and do not.
func TestAWordOfARemovalOutlastsTheOthers(t *testing.T) {
	const patience = time.Minute
	proof := member.Removed{ID: 1, Index: 100, Term: 3}
	other := member.Removed{ID: 1, Index: 101, Term: 3}
	long := []int{-60, -40, -20, 0}
	for _, tc := range []struct {
		name    string
		words   map[member.ID][]int // at which seconds
		other   member.ID           // says that it was another change
		reached []member.ID
		back    member.ID // has a connection after that
		want    bool
	}{
		{name: "the only one that is left", words: map[member.ID][]int{2: long}, want: true},
		{name: "nobody", want: false},
		{name: "not for long enough", words: map[member.ID][]int{2: {-59, -40, -20, 0}}},
		{name: "with a pause", words: map[member.ID][]int{2: {-60, -29, 0}}},
		{name: "not any more", words: map[member.ID][]int{2: {-100, -80, -60, -31}}},
		{name: "twice, long ago and now", words: map[member.ID][]int{2: {-60, 0}}},
		{name: "another voter is reached", words: map[member.ID][]int{2: long}, reached: []member.ID{3}},
		{name: "two say so, another one is reached", words: map[member.ID][]int{2: long, 4: long}, reached: []member.ID{3}, want: true},
		{name: "two say so, two others are reached", words: map[member.ID][]int{2: long, 4: long}, reached: []member.ID{3, 5}},
		{name: "two say so, of different changes, and both are reached", words: map[member.ID][]int{2: long, 4: long}, other: 4, reached: []member.ID{2, 4}},
		{name: "another one says so for a shorter time, and is reached", words: map[member.ID][]int{2: long, 4: {-20, 0}}, reached: []member.ID{4}},
		{name: "it had a connection since", words: map[member.ID][]int{2: long}, back: 2},
		{name: "a learner", words: map[member.ID][]int{6: long}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now := time.Unix(1000, 0)
			var words removalWords
			for id, seconds := range tc.words {
				for _, s := range seconds {
					said := proof
					if id == tc.other {
						said = other
					}
					words.say(id, said, now.Add(time.Duration(s)*time.Second), patience)
				}
			}
			words.withdraw(tc.back)
			reached := func(id member.ID) bool { return slices.Contains(tc.reached, id) }
			if got := words.outlast(1, votersAndLearner(t, 5, 6), proof, reached, now, patience); got != tc.want {
				t.Errorf("%t, want %t", got, tc.want)
			}
		})
	}
}

// However many peers say something, and however often each says something else, what is
// remembered of it and what the log has are bounded; the word of a peer that says the same all
// along is there.
func TestWordsOfARemovalAreBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	var words removalWords
	lines := 0
	for i := range uint64(10_000) {
		peer := member.ID(2 + i)
		if i%2 == 0 {
			peer = 1
		}
		words.say(peer, member.Removed{ID: 9, Index: i}, now, time.Minute)
		if _, due := words.line(removalLine{peer, "a peer says"}, now); due {
			lines++
		}
		now = now.Add(time.Millisecond)
	}
	if len(words.by) > mostRemovalWords || lines > mostRemovalWords {
		t.Errorf("%d words are remembered, and the log has %d lines", len(words.by), lines)
	}
	proof := member.Removed{ID: 9, Index: 1}
	words.say(3, proof, now, time.Minute)
	if words.by[3].proof != proof {
		t.Error("a member's word found no room")
	}
}
