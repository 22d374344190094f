package greetings

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// notes keeps what a book tells.
type notes struct{ events []transport.Event }

func (n *notes) add(events []transport.Event) { n.events = append(n.events, events...) }

func (n *notes) count(kind pluginv1.EventType) int {
	all := 0
	for _, e := range n.events {
		if e.Type == kind {
			all++
		}
	}
	return all
}

func newBook() (*Book, *notes) {
	n := &notes{}
	return New(n.add, time.Second), n
}

func peers(self transport.Greeting, all ...transport.Peer) transport.PeerSet {
	return transport.PeerSet{Self: self, Peers: all}
}

var self = transport.Greeting{Store: 1, Number: 10, Founding: 20}

// The first store of a peer is the one that it must say from then on, until the
// host says otherwise.
// Rule TR-27.
func TestFirstSightPins(t *testing.T) {
	b, _ := newBook()
	b.Set(peers(self, transport.Peer{Id: 2}))
	met := func(store uint64) bool { return b.Meet(2, transport.Greeting{Store: store}) == nil }
	if !met(0) {
		t.Error("a peer that says nothing was refused")
	}
	if !met(7) || met(8) || met(0) || !met(7) {
		t.Error("the first store is not pinned")
	}
	b.Set(peers(self, transport.Peer{Id: 2}))
	if met(8) {
		t.Error("the same set again has forgotten it")
	}
	b.Set(peers(self, transport.Peer{Id: 2, Store: 8}))
	if !met(8) || met(7) {
		t.Error("the host's word does not count")
	}
	b.Set(peers(self, transport.Peer{Id: 2}))
	if !met(9) || met(8) {
		t.Error("the host has taken its word back, and it counts")
	}
	b.Set(peers(self))
	b.Set(peers(self, transport.Peer{Id: 2}))
	if !met(6) {
		t.Error("a peer that had left is still known")
	}
}

// A greeting is told when it is new, and only then.
// Rule TR-29.
func TestGreetingsAreToldOnce(t *testing.T) {
	b, n := newBook()
	b.Set(peers(self, transport.Peer{Id: 2}))
	for i, g := range []transport.Greeting{{}, {Store: 7}, {Store: 7}, {Store: 7, Number: 10}, {Store: 7, Number: 10}, {Store: 7}} {
		if m := b.Meet(2, g); m != nil {
			t.Fatalf("greeting %d: %v", i, m)
		}
	}
	if got := n.count(pluginv1.EventType_EVENT_GREETED); got != 3 {
		t.Errorf("told %d times: %v", got, n.events)
	}
}

// Set names the connections that must end, and no others.
func TestBrokenConnections(t *testing.T) {
	b, _ := newBook()
	none := transport.Greeting{}
	b.Set(peers(none, transport.Peer{Id: 2}, transport.Peer{Id: 3}))
	b.Meet(2, transport.Greeting{Store: 7, Founding: 20})
	b.Meet(3, transport.Greeting{Store: 8, Founding: 21})
	for _, step := range []struct {
		name string
		self transport.Greeting
		two  uint64
		want []uint64
	}{
		{"nothing new", none, 0, nil},
		{"the number is known now", transport.Greeting{Number: 10}, 0, nil},
		{"this node has a store now", transport.Greeting{Store: 1, Number: 10}, 0, []uint64{2, 3}},
		{"the founding contradicts one", transport.Greeting{Store: 1, Number: 10, Founding: 20}, 0, []uint64{3}},
		{"the store of one is confirmed", transport.Greeting{Store: 1, Number: 10}, 7, nil},
		{"the store of one is another", transport.Greeting{Store: 1, Number: 10}, 6, []uint64{2}},
	} {
		got := b.Set(peers(step.self, transport.Peer{Id: 2, Store: step.two}, transport.Peer{Id: 3}))
		slices.Sort(got)
		if !slices.Equal(got, step.want) {
			t.Errorf("%s: %v end, want %v", step.name, got, step.want)
		}
	}
	if !b.Stands(3, transport.Greeting{Store: 8}, transport.Greeting{Store: 1}) || b.Stands(3, transport.Greeting{Store: 8}, none) ||
		b.Stands(2, transport.Greeting{Store: 7}, transport.Greeting{Store: 1}) {
		t.Error("a connection that was made meanwhile is not judged like the others")
	}
}

// A caller that expects another store of this node is refused, and nothing
// that it says counts: the host hears with which store it is known.
func TestACallerThatMeansSomebodyElse(t *testing.T) {
	b, n := newBook()
	b.Set(peers(self, transport.Peer{Id: 2}))
	said, refusal := b.Call(2, transport.Greeting{Store: 7}, 99)
	if said != self || refusal == nil || !refusal.NotMeant || refusal.Known != 99 {
		t.Fatalf("said %v, refused with %+v", said, refusal)
	}
	if len(n.events) != 1 || n.events[0].Verdict != transport.VerdictRefusedByPeer || n.events[0].Known != 99 {
		t.Errorf("told %v", n.events)
	}
	if b.Expected(2) != 0 {
		t.Error("its store was pinned")
	}
	for _, expected := range []uint64{0, self.Store} {
		if _, refusal := b.Call(2, transport.Greeting{Store: 8}, expected); refusal != nil {
			t.Errorf("expects %d: %v", expected, refusal)
		}
	}
	if _, refusal := b.Call(2, transport.Greeting{Store: 7}, 99); refusal == nil || refusal.NotMeant || b.Expected(2) != 8 {
		t.Errorf("another store than the first: %+v", refusal)
	}
}

// A peer that calls again and again is told once in an election timeout, for
// each reason and verdict.
// Rule TR-32.
func TestMismatchesAreRateLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, n := newBook()
		b.Set(peers(self, transport.Peer{Id: 2, Store: 7}))
		for range 30 {
			for range 10 {
				b.Meet(2, transport.Greeting{Store: 8})
				b.Meet(2, transport.Greeting{Store: 7, Number: 11})
				b.Refused(2, &transport.Mismatch{Reason: transport.MismatchStore, Known: 5})
			}
			<-time.After(100 * time.Millisecond)
		}
		if got := n.count(pluginv1.EventType_EVENT_MISMATCH); got != 9 {
			t.Errorf("told %d times in three election timeouts, for two reasons and three statements", got)
		}
		if got := n.count(pluginv1.EventType_EVENT_GREETED); got != 0 {
			t.Errorf("greeted %d times by who was refused", got)
		}
	})
}

// Strangers fill no memory and displace no member.
func TestStrangersAreBounded(t *testing.T) {
	b, _ := newBook()
	b.Set(peers(self, transport.Peer{Id: 2}))
	b.Meet(2, transport.Greeting{Store: 7})
	for id := range uint64(1000) {
		b.Meet(100+id, transport.Greeting{Store: id})
	}
	if len(b.pages) > maxStrangers+1 {
		t.Errorf("%d pages", len(b.pages))
	}
	if b.Meet(2, transport.Greeting{Store: 8}) == nil {
		t.Error("a member was forgotten")
	}
}

// Before a peer is a member it has acknowledged nothing: its disk may be made anew,
// and what it said first does not bind it later. As a member it is told once more,
// and bound by what it says then.
func TestAStrangersStoreDoesNotBindIt(t *testing.T) {
	b, n := newBook()
	b.Set(peers(self, transport.Peer{Id: 3}))
	met := func(store uint64) bool { return b.Meet(2, transport.Greeting{Store: store}) == nil }
	if !met(7) || !met(8) || b.Expected(2) != 0 {
		t.Error("a stranger was pinned")
	}
	b.Set(peers(self, transport.Peer{Id: 2}, transport.Peer{Id: 3}))
	told := n.count(pluginv1.EventType_EVENT_GREETED)
	if !met(8) || n.count(pluginv1.EventType_EVENT_GREETED) != told+1 {
		t.Error("the host does not hear what the new member says")
	}
	if met(7) || met(9) || !met(8) {
		t.Error("a member is not pinned")
	}
}

// A refusal that names the very store which this node has said contradicts
// itself, and one that names none says nothing of a store: neither is an
// accusation, with which the host might end.
func TestARefusalThatContradictsItselfIsNoAccusation(t *testing.T) {
	for known, want := range map[uint64]int{self.Store: 0, 0: 0, 99: 1} {
		b, n := newBook()
		b.Set(peers(self, transport.Peer{Id: 2}))
		b.Refused(2, &transport.Mismatch{Reason: transport.MismatchStore, Own: self, Known: known})
		if n.count(pluginv1.EventType_EVENT_MISMATCH) != want {
			t.Errorf("known with %x: %+v", known, n.events)
		}
	}
}

// The host hears of no conflict with strangers, which might call themselves
// anything, unless it has no members: then they may be its cluster.
func TestStrangersAccuseNobody(t *testing.T) {
	for _, alone := range []bool{false, true} {
		b, n := newBook()
		set := peers(self, transport.Peer{Id: 2})
		if alone {
			set.Peers = nil
		}
		b.Set(set)
		b.Call(0xa, transport.Greeting{Store: 7}, 99)
		b.Call(0xb, transport.Greeting{Store: 7, Number: 11}, 0)
		b.Refused(0xc, &transport.Mismatch{Reason: transport.MismatchStore, Own: self, Known: 5})
		if got := n.count(pluginv1.EventType_EVENT_MISMATCH); (got > 0) != alone {
			t.Errorf("alone %v: told of %d conflicts", alone, got)
		}
	}
}

// Callers under ever new names, or with ever new stores, do not keep the host busy.
// A member's greeting is told among them, and a stranger's later.
func TestStrangersGreetingsAreToldAtLeisure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, n := newBook()
		b.Set(peers(self, transport.Peer{Id: 2}))
		for i := range uint64(1000) {
			b.Meet(100+i, transport.Greeting{Store: 1})
			b.Meet(9, transport.Greeting{Store: i + 1})
		}
		if told := n.count(pluginv1.EventType_EVENT_GREETED); told == 0 || told > maxStrangers {
			t.Errorf("the host was told of %d greetings of strangers", told)
		}
		before := len(n.events)
		b.Meet(2, transport.Greeting{Store: 7})
		if len(n.events) != before+1 || n.events[before].Peer != 2 {
			t.Errorf("a member's greeting is not told: %v", n.events[before:])
		}
		<-time.After(time.Second)
		b.Meet(9, transport.Greeting{Store: 1000})
		if last := n.events[len(n.events)-1]; last.Peer != 9 || last.Greeting.Store != 1000 {
			t.Errorf("the last greeting is %v", last)
		}
	})
}

// The greeting of a stranger counts anew when it is a member, though it says
// nothing more on its connection.
// Rule TR-29.
func TestWhatAStrangerSaidIsToldWhenItIsAdded(t *testing.T) {
	b, n := newBook()
	b.Set(peers(self, transport.Peer{Id: 2}))
	b.Meet(9, transport.Greeting{Store: 7})
	b.Named(9) // it is not a member yet
	b.Set(peers(self, transport.Peer{Id: 2}, transport.Peer{Id: 9}))
	b.Named(9)
	b.Named(9)
	b.Named(2) // never met
	if told := n.count(pluginv1.EventType_EVENT_GREETED); told != 2 {
		t.Errorf("told %d times, as a stranger and as a member: %v", told, n.events)
	}
	if b.Meet(9, transport.Greeting{Store: 8}) == nil {
		t.Error("and it may come with another store")
	}
}
