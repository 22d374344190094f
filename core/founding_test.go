package core

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// ofOtherList is a member of the own list that began with another one.
func ofOtherList(id member.ID, number, voters uint64) conflict {
	return conflict{
		peer: id, reason: transport.MismatchFounding, detail: "another list",
		says: transport.Greeting{Store: 0xf0 + uint64(id), Number: number, Founding: 0x99, Voters: voters},
	}
}

// unfoundedMember is member 1 of five founders, whose cluster has no number yet.
func unfoundedMember(t *testing.T) *identity {
	t.Helper()
	i := foundedMember(t, 5, 1)
	i.registry = &member.Registry{}
	i.self.Number = 0
	return i
}

// A member that founds its cluster waits for members of its list that contradict it,
// as long as they do, and for nothing else.
func TestFoundersWaitForEachOther(t *testing.T) {
	for _, tc := range []struct {
		name  string
		seen  conflict
		later time.Duration // after it was seen, in pauses
		met   bool          // there is a connection with that member besides
		waits error
	}{
		{name: "another list", seen: ofOtherList(2, 0, 3), waits: errFoundersDiffer},
		{name: "the peer says so", seen: func() conflict { c := ofOtherList(2, 0, 3); c.refused = true; return c }(), waits: errFoundersDiffer},
		{name: "not any more", seen: ofOtherList(2, 0, 3), later: 2},
		{name: "a founded cluster with another list", seen: ofOtherList(2, 0x66, 3), waits: errFoundedElsewhere},
		{name: "it was seen long ago", seen: ofOtherList(2, 0x66, 3), later: 100, waits: errFoundedElsewhere},
		{name: "a founded cluster of an older version", seen: ofOtherList(2, 0x66, 0), waits: errFoundedElsewhere},
		{name: "a member that is alone in its cluster", seen: ofOtherList(2, 0x66, 1)},
		{name: "a caller in the name of a member that is connected", seen: ofOtherList(2, 0x66, 3), met: true},
		{name: "a stranger", seen: ofOtherList(0xa, 0, 3)},
		{name: "a learner", seen: ofOtherList(6, 0, 3)},
		{name: "another store", seen: conflict{peer: 2, reason: transport.MismatchStore}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			i := unfoundedMember(t)
			synctest.Test(t, func(t *testing.T) {
				i.joined(3)
				i.mismatch(tc.seen)
				<-time.After(tc.later * rivalPause(i.h.cfg.Election))
				if tc.met {
					i.mu.Lock()
					i.meet(tc.seen.peer)
					i.mu.Unlock()
				}
				i.judge()
				v := i.last
				if v.bar != (tc.waits != nil) || v.waits != v.bar || v.end || !errors.Is(v.err, tc.waits) {
					t.Errorf("got %+v", v)
				}
				if got := i.conflictWith(tc.seen.peer) != ""; tc.later > 50 && !got {
					t.Error("it waits, and its status does not name the peer")
				}
			})
		})
	}
}

// The wait ends when the member has become one of a cluster, or when the other one
// comes with the same list.
func TestTheEndOfAWait(t *testing.T) {
	for name, end := range map[string]func(*identity){
		"founded":       func(i *identity) { i.self.Number = 0x77; i.judge() },
		"the same list": func(i *identity) { i.joined(2) },
	} {
		i := unfoundedMember(t)
		i.joined(3)
		i.mismatch(ofOtherList(2, 0x66, 3))
		if !i.last.waits {
			t.Fatal("it does not wait")
		}
		if end(i); i.last.waits || i.last.bar {
			t.Errorf("%s: got %+v", name, i.last)
		}
	}
}

// All that a member waits for is named, in the order of the ids.
func TestAWaitNamesTheOthers(t *testing.T) {
	i := unfoundedMember(t)
	i.joined(5)
	i.joined(2)
	for _, id := range []member.ID{4, 3} {
		i.mismatch(ofOtherList(id, 0, 3))
	}
	i.mu.Lock()
	got := i.rivals(i.others())
	i.mu.Unlock()
	if !slices.Equal(got, []rival{{3, false}, {4, false}}) {
		t.Errorf("got %v", got)
	}
}
