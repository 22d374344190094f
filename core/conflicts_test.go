package core

import (
	"errors"
	"testing"

	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// What the peers' greetings say of a member: whether it serves, votes, goes on.
func TestJudge(t *testing.T) {
	accuses := func(id member.ID) conflict {
		return conflict{peer: id, reason: transport.MismatchStore, refused: true}
	}
	lost := func(id member.ID) conflict { return conflict{peer: id, reason: transport.MismatchStore} }
	other := func(id member.ID) conflict { return conflict{peer: id, reason: transport.MismatchNumber} }
	list := func(id member.ID) conflict { return conflict{peer: id, reason: transport.MismatchFounding} }
	const founded = 0x77
	for _, tc := range []struct {
		name             string
		number           uint64
		conflicts        []conflict
		agreeing, others int
		serves           bool
		bar, end         bool
		is               error
	}{
		{name: "no conflict", number: founded, agreeing: 2, others: 2, serves: true},
		{name: "one of two others lost its disk", number: founded, conflicts: []conflict{lost(2)}, agreeing: 1, others: 2, serves: true},
		{name: "both others lost theirs", number: founded, conflicts: []conflict{lost(2), lost(3)}, others: 2, serves: true},
		{name: "both say that this one did", number: founded, conflicts: []conflict{accuses(2), accuses(3)}, others: 2, bar: true, end: true, is: ErrLostData},
		{name: "the only one that answers says so", conflicts: []conflict{accuses(2)}, others: 2, bar: true, end: true, is: ErrLostData},
		{name: "one says so, one agrees", conflicts: []conflict{accuses(2)}, agreeing: 1, others: 2, bar: true, is: ErrLostData},
		{name: "one of many says so", number: founded, conflicts: []conflict{accuses(2)}, agreeing: 3, others: 4, serves: true},
		{name: "one peer says two things", conflicts: []conflict{accuses(2), other(2)}, agreeing: 1, others: 2, bar: true, is: ErrLostData},
		{name: "not founded, all others began otherwise", conflicts: []conflict{list(1), list(2), list(3)}, others: 3, bar: true, end: true, is: ErrOtherCluster},
		{name: "not founded, one other began otherwise", conflicts: []conflict{list(3)}, agreeing: 1, others: 3, serves: true},
		{name: "a majority belongs elsewhere", number: founded, conflicts: []conflict{other(1), other(2)}, others: 2},
		{name: "a minority belongs elsewhere", number: founded, conflicts: []conflict{other(3)}, agreeing: 1, others: 2, serves: true},
		{name: "strangers call a lone member", number: founded, conflicts: []conflict{list(1), list(2)}},
		{name: "one stranger calls a lone member", number: founded, conflicts: []conflict{list(1)}, serves: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := judge(transport.Greeting{Store: 1, Number: tc.number}, tc.conflicts, tc.agreeing, tc.others)
			if (v.err == nil) != tc.serves || v.bar != tc.bar || v.end != tc.end || tc.is != nil && !errors.Is(v.err, tc.is) {
				t.Errorf("got %+v", v)
			}
		})
	}
}
