package core

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// The greetings of peers decide whether a member serves, votes and goes on.
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
		registered       bool
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
		{name: "the only one that answers says so, against the log", number: founded, registered: true, conflicts: []conflict{accuses(2)}, others: 2, bar: true, is: ErrLostData},
		{name: "both say so, against the log", number: founded, registered: true, conflicts: []conflict{accuses(2), accuses(3)}, others: 2, bar: true, end: true, is: ErrLostData},
		{name: "one says so, one agrees", conflicts: []conflict{accuses(2)}, agreeing: 1, others: 2, bar: true, is: ErrLostData},
		{name: "one of many says so", number: founded, conflicts: []conflict{accuses(2)}, agreeing: 3, others: 4, serves: true},
		{name: "one peer says two things", conflicts: []conflict{accuses(2), other(2)}, agreeing: 1, others: 2, bar: true, is: ErrLostData},
		{name: "not founded, all others began otherwise", conflicts: []conflict{list(1), list(2), list(3)}, others: 3, bar: true, end: true, is: ErrOtherCluster},
		{name: "not founded, one of two others began otherwise, the third is not there", conflicts: []conflict{list(3)}, others: 2, bar: true, is: ErrOtherCluster},
		{name: "not founded, one of two others began otherwise, the third agrees", conflicts: []conflict{list(3)}, agreeing: 1, others: 2, serves: true},
		{name: "not founded, the only other began otherwise", conflicts: []conflict{list(3)}, others: 1, bar: true, end: true, is: ErrOtherCluster},
		{name: "not founded, one other began otherwise", conflicts: []conflict{list(3)}, agreeing: 1, others: 3, serves: true},
		{name: "a majority belongs elsewhere", number: founded, conflicts: []conflict{other(1), other(2)}, others: 2},
		{name: "a minority belongs elsewhere", number: founded, conflicts: []conflict{other(3)}, agreeing: 1, others: 2, serves: true},
		{name: "strangers call a lone member", number: founded, conflicts: []conflict{list(1), list(2)}},
		{name: "strangers accuse a lone member", number: founded, registered: true, conflicts: []conflict{accuses(1), accuses(2)}},
		{name: "strangers call a lone member without a number", conflicts: []conflict{list(1), list(2), list(3)}},
		{name: "one stranger calls a lone member", number: founded, conflicts: []conflict{list(1)}, serves: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			self := transport.Greeting{Store: 1, Number: tc.number}
			v := judge(standing{self, tc.registered, tc.agreeing, tc.others}, tc.conflicts)
			if (v.err == nil) != tc.serves || v.bar != tc.bar || v.end != tc.end || tc.is != nil && !errors.Is(v.err, tc.is) {
				t.Errorf("got %+v", v)
			}
		})
	}
}

const ownStore = 0xa1

// foundedMember is the identity of member 1 of a founded cluster whose log
// has the store of every voter. Nothing of its host runs.
func foundedMember(t *testing.T, voters, learners int) *identity {
	t.Helper()
	cfg := Config{
		ClusterID: 7, ID: 1, Name: "n1", DataDir: t.TempDir(), Tick: time.Second, Election: 50 * time.Second,
		ClientAddress: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler),
		Backends: []backend.Backend{
			backend.Storage("s", func(backend.Env) storage.Storage { return nil }),
			backend.StateMachine("m", func(backend.Env) statemachine.StateMachine { return nil }),
			backend.Transport("t", func(backend.Env) transport.Transport { return nil }),
		},
	}
	cfg.Storage = PluginConfig{Name: "s", Isolation: inproc}
	cfg.StateMachine = PluginConfig{Name: "m", Isolation: inproc}
	registry, stores := &member.Registry{}, []member.MemberStore{}
	for i := range voters + learners {
		id := member.ID(i + 1)
		m := member.Member{ID: id, Name: fmt.Sprintf("n%d", id), PeerURLs: []string{fmt.Sprintf("x://n%d", id)}, Learner: i >= voters}
		var err error
		if registry, err = registry.Apply(member.Change{Op: member.Add, Member: m}, uint64(id), 1); err != nil {
			t.Fatal(err)
		}
		if i < voters {
			stores = append(stores, member.MemberStore{ID: id, Store: ownStore + uint64(i)})
		}
		cfg.Members = append(cfg.Members, MemberConfig{ID: uint64(m.ID), Name: m.Name, PeerURLs: m.PeerURLs, Learner: m.Learner})
	}
	cfg.Transports = []TransportConfig{{
		PluginConfig: PluginConfig{Name: "t", Isolation: inproc},
		Listen:       "n1", Advertise: cfg.Members[0].PeerURLs,
	}}
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	i := h.identity
	if i.pins, err = openPins(vfs.NewMem()); err != nil {
		t.Fatal(err)
	}
	i.store, i.registry = ownStore, registry.Register(member.Registration{Number: 0x77, Stores: stores})
	i.self = transport.Greeting{Store: ownStore, Number: 0x77, Founding: registry.Founding()}
	return i
}

func accusation(id member.ID, known uint64) conflict {
	return conflict{
		peer: id, reason: transport.MismatchStore, refused: true,
		detail: fmt.Sprintf("the peer knows this member with the store %x", known),
	}
}

// A caller that is not a member has no say in whether a member serves, and
// none in whether it goes on. Any program that can connect can call itself
// anything.
func TestStrangersDoNotAccuse(t *testing.T) {
	i := foundedMember(t, 3, 0)
	i.joined(2)
	i.joined(3)
	for id := member.ID(0xa); id < 0xd; id++ {
		i.mismatch(accusation(id, 0xbad))
	}
	if i.last.bar || i.last.end || i.last.err != nil {
		t.Errorf("both other members agree with it, and strangers made of that: %+v", i.last)
	}
}

// Nor do strangers of another cluster put a whole one out of service.
func TestStrangersDoNotEndTheService(t *testing.T) {
	i := foundedMember(t, 3, 0)
	i.joined(2)
	i.joined(3)
	for id := member.ID(0xa); id < 0xe; id++ {
		i.mismatch(conflict{peer: id, reason: transport.MismatchNumber, refused: true})
	}
	if i.last.err != nil {
		t.Errorf("both other members agree with it, and strangers made of that: %+v", i.last)
	}
}

// A learner counts in no majority. The only voter of a cluster has all of it: a
// learner that is confused must not end it, and less so for good.
func TestALearnerDoesNotEndTheOnlyVoter(t *testing.T) {
	i := foundedMember(t, 1, 1)
	i.mismatch(accusation(2, 0xbad))
	if i.last.bar || i.last.end {
		t.Errorf("the word of a learner: %+v", i.last)
	}
}

// While the third member is away, the word of the second one is that of half of
// the others. A member whose committed log has its store can wait: only a pin, or
// another cluster, says otherwise. An end is for good, since the next start
// refuses the store too.
func TestOnePeersWordDoesNotEndARegisteredMember(t *testing.T) {
	i := foundedMember(t, 3, 0)
	i.mismatch(accusation(2, 0xbad))
	if i.last.end {
		t.Errorf("one word against the log: %+v", i.last)
	}
	select {
	case l := <-i.losses:
		t.Errorf("noted for every start to come: %+v", l)
	default:
	}
}

// Strangers that show ever new stores and numbers hide nothing that members say,
// and fill no memory.
func TestStrangersHideNoAccusation(t *testing.T) {
	i := foundedMember(t, 3, 0)
	i.registry = &member.Registry{} // emptied: it knows itself only from its configuration
	i.self = transport.Greeting{Store: ownStore}
	for n := range member.ID(1000) {
		i.mismatch(conflict{peer: 0xf, reason: transport.MismatchStore, detail: fmt.Sprint(n)})
		i.mismatch(conflict{peer: 0x1000 + n, reason: transport.MismatchNumber, detail: fmt.Sprint(n)})
	}
	if n := len(i.conflicts); n > maxStrangeConflicts {
		t.Errorf("%d conflicts with strangers are remembered", n)
	}
	i.mismatch(accusation(2, 0xb))
	i.mismatch(accusation(3, 0xb))
	if !i.last.bar || !i.last.end {
		t.Errorf("both other members accuse it: %+v", i.last)
	}
	if i.conflictWith(2) == "" {
		t.Error("and the operator is not told of it")
	}
}

// Strangers do not use up the room in which members are remembered.
func TestStrangersDoNotUseUpThePins(t *testing.T) {
	i := foundedMember(t, 3, 0)
	for n := range 2000 {
		i.greeted(member.ID(1000+n), transport.Greeting{Store: 1})
	}
	i.greeted(2, transport.Greeting{Store: 0xb2})
	if got := i.pins.of(2); got != 0xb2 {
		t.Errorf("member 2 is remembered with the store %x", got)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.met[2] {
		t.Error("member 2 does not count as one that agrees")
	}
	if pinned := i.pins.all(); len(pinned) != 1 || len(i.met) > maxStrangersMet+1 {
		t.Errorf("%d pins, %d met", len(pinned), len(i.met))
	}
}

// A number that is not added yet has voted and acknowledged nothing: the store
// that it showed first does not bind the member that is added under it later.
func TestAStrangersStoreDoesNotBindAMemberThatIsAdded(t *testing.T) {
	i := foundedMember(t, 3, 0)
	i.greeted(4, transport.Greeting{Store: 0xdead})
	i.greeted(4, transport.Greeting{Store: 0xb4}) // its disk was prepared anew
	grown, err := i.registry.Apply(member.Change{Op: member.Add, Member: member.Member{ID: 4, Name: "n4", PeerURLs: []string{"x://n4"}}}, 10, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := i.storeOf(grown, 4); got == 0xdead {
		t.Errorf("member 4 is refused for good: it is to show %x", got)
	}
}

// A member that the configuration lists and that is not added yet has acknowledged
// nothing either.
func TestAListedMembersStoreDoesNotBindItBeforeItIsAdded(t *testing.T) {
	i := foundedMember(t, 3, 0)
	fourth := member.Member{ID: 4, Name: "n4", PeerURLs: []string{"x://n4"}}
	i.h.cfg.Members = append(i.h.cfg.Members, MemberConfig{ID: 4, Name: "n4", PeerURLs: fourth.PeerURLs}) // the files are prepared first
	i.greeted(4, transport.Greeting{Store: 0xdead})
	i.greeted(4, transport.Greeting{Store: 0xb4}) // its disk was prepared anew
	grown, err := i.registry.Apply(member.Change{Op: member.Add, Member: fourth}, 10, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := i.storeOf(grown, 4); got == 0xdead {
		t.Errorf("member 4 is refused for good: it is to show %x", got)
	}
}

// The store of a member that was removed is forgotten: its id does not come back,
// and members come and go.
func TestStoresOfRemovedMembersAreForgotten(t *testing.T) {
	i := foundedMember(t, 3, 0)
	for id := range member.ID(3) {
		i.greeted(id+1, transport.Greeting{Store: 0xb0 + uint64(id+1)})
	}
	smaller, err := i.registry.Apply(member.Change{Op: member.Remove, Member: member.Member{ID: 2}}, 10, 1)
	if err != nil {
		t.Fatal(err)
	}
	i.learned(smaller, 10)
	if pinned := i.pins.all(); pinned[2] != 0 || pinned[3] == 0 {
		t.Errorf("the stores %x are remembered", pinned)
	}
	i.greeted(2, transport.Greeting{Store: 0xb2}) // it calls once more
	if got := i.pins.of(2); got != 0 {
		t.Errorf("and then the store %x", got)
	}
}

// Callers that are not members do not fill the log of a cluster of one, which
// must say that they may be its cluster.
func TestStrangersDoNotFillTheLog(t *testing.T) {
	i, lines := foundedMember(t, 1, 0), &lineCounter{}
	i.h.logger = slog.New(lines)
	for n := range member.ID(1000) {
		id := 0x1000 + n%3*1000 + n/2
		i.mismatch(conflict{peer: id, reason: transport.MismatchNumber})
		i.greeted(id, transport.Greeting{}) // says nothing: it fits
	}
	if n := lines.count.Load(); n == 0 || n > 4*maxStrangeConflicts {
		t.Errorf("%d lines", n)
	}
}

type lineCounter struct{ count atomic.Int64 }

func (l *lineCounter) Enabled(context.Context, slog.Level) bool { return true }
func (l *lineCounter) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *lineCounter) WithGroup(string) slog.Handler            { return l }

func (l *lineCounter) Handle(context.Context, slog.Record) error {
	l.count.Add(1)
	return nil
}

// A process that calls under a member's id, with another store, does not undo the
// connection that the member itself has.
func TestACallerUnderAMembersIDDoesNotUndoItsConnection(t *testing.T) {
	i := foundedMember(t, 3, 0)
	i.connected = func(member.ID) bool { return true }
	for id := range member.ID(2) {
		i.greeted(id+2, transport.Greeting{Store: ownStore + uint64(id+1), Number: 0x77})
	}
	i.mismatch(conflict{peer: 3, reason: transport.MismatchStore, detail: "a copy calls"})
	i.mismatch(accusation(3, 0xb))
	if i.last.bar {
		t.Errorf("both members have a connection with it, and it does not serve: %v", i.last.err)
	}
}

// Of the peers that a transport reached none agrees any more when it has ended.
func TestPeersOfATransportThatHasEndedDoNotAgree(t *testing.T) {
	i := foundedMember(t, 3, 0)
	i.connected = func(id member.ID) bool { return id == 3 } // by the other transport
	i.greeted(2, transport.Greeting{Store: ownStore + 1, Number: 0x77})
	i.greeted(3, transport.Greeting{Store: ownStore + 2, Number: 0x77})
	i.parted()
	if i.met[2] {
		t.Error("member 2 counts as one that agrees")
	}
	if !i.met[3] {
		t.Error("member 3, which another transport reaches, counts no more")
	}
}
