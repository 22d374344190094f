package transport

import (
	"fmt"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
)

// Greeting is what a member says of itself on every connection, in both
// directions. A greeting tells a member from another one under the same id. It
// proves nothing by itself: the other end believes it as far as it believes
// the connection. The zero Greeting says nothing, as peers of other programs
// do.
//
// An event has its Greeting in the form of the wire, with the same fields:
// transport.Greeting(event.Greeting).
type Greeting struct {
	// Store is the random id that the member's store was given when it was
	// made; 0: not said.
	Store uint64
	// Number is the cluster's own random number, drawn at its founding; 0: not
	// founded, or not known yet.
	Number uint64
	// Founding is a hash of the founding entries; 0: not known.
	Founding uint64
	// Voters is how many voters the member's cluster has, as far as it knows; 0:
	// not said. It contradicts nothing.
	Voters uint64
}

// The enumerations of EVENT_MISMATCH.
type (
	// MismatchReason is what does not fit in two greetings.
	MismatchReason = pluginv1.MismatchReason
	// MismatchVerdict is whose word a mismatch is: this node judged the peer,
	// or the peer refused this node.
	MismatchVerdict = pluginv1.MismatchVerdict
)

// Short names of the values of the two.
const (
	// MismatchStore: the member is known with another store.
	MismatchStore = pluginv1.MismatchReason_MISMATCH_STORE
	// MismatchFounding: the two clusters were founded with other members or
	// addresses.
	MismatchFounding = pluginv1.MismatchReason_MISMATCH_FOUNDING
	// MismatchNumber: the two clusters have other numbers.
	MismatchNumber = pluginv1.MismatchReason_MISMATCH_NUMBER

	// VerdictJudged: this node has refused the peer's greeting.
	VerdictJudged = pluginv1.MismatchVerdict_VERDICT_JUDGED
	// VerdictRefusedByPeer: the peer has refused this node's greeting.
	VerdictRefusedByPeer = pluginv1.MismatchVerdict_VERDICT_REFUSED_BY_PEER
)

// A Mismatch is why two members do not belong together.
type Mismatch struct {
	// Reason is the first thing that does not fit.
	Reason MismatchReason
	// Own and Peer are the two greetings, as seen by the node that tells of it.
	Own, Peer Greeting
	// Known is, of MismatchStore, the store with which the side that judged
	// knows the other one.
	Known uint64
}

// Judge decides whether this node, which says g of itself and knows the peer
// with the store known (0: with none yet), may talk to a peer that says peer.
// It returns nil if it may. A field that a side does not say or know
// contradicts nothing, with one exception: a peer that is known with a store
// must say it.
//
// Every transport asks it about every connection, in both directions, and
// nothing else decides.
func (g Greeting) Judge(peer Greeting, known uint64) *Mismatch {
	m := Mismatch{Own: g, Peer: peer}
	switch {
	case known != 0 && peer.Store != known:
		m.Reason, m.Known = MismatchStore, known
	case g.Founding != 0 && peer.Founding != 0 && g.Founding != peer.Founding:
		m.Reason = MismatchFounding
	case g.Number != 0 && peer.Number != 0 && g.Number != peer.Number:
		m.Reason = MismatchNumber
	default:
		return nil
	}
	return &m
}

// Error implements error, in the words of the side that judged.
func (m *Mismatch) Error() string { return m.sentence(VerdictJudged) }

// Event is the EVENT_MISMATCH that tells of it.
func (m *Mismatch) Event(peer uint64, verdict MismatchVerdict) Event {
	return Event{
		Type: pluginv1.EventType_EVENT_MISMATCH, Peer: peer, Detail: m.sentence(verdict),
		Greeting: pluginv1.Greeting(m.Peer), Reason: m.Reason, Verdict: verdict, Known: m.Known,
	}
}

// Greeted is the EVENT_GREETED of a peer that says g.
func (g Greeting) Greeted(peer uint64) Event {
	return Event{Type: pluginv1.EventType_EVENT_GREETED, Peer: peer, Greeting: pluginv1.Greeting(g)}
}

func (m *Mismatch) sentence(verdict MismatchVerdict) string {
	refused := verdict == VerdictRefusedByPeer
	switch {
	case m.Reason == MismatchStore && refused:
		return fmt.Sprintf("the peer knows this member with the store %s and this node says %s: its disk was emptied or replaced, or this is a copy of its directory",
			storeName(m.Known), storeName(m.Own.Store))
	case m.Reason == MismatchStore:
		return fmt.Sprintf("the peer is known with the store %s and says %s: its disk was emptied or replaced, or it is a copy of its directory",
			storeName(m.Known), storeName(m.Peer.Store))
	case m.Reason == MismatchFounding:
		return fmt.Sprintf("the peer's cluster was founded with other members or addresses (%016x) than this node's (%016x)%s",
			m.Peer.Founding, m.Own.Founding, byPeer(refused))
	case m.Reason == MismatchNumber:
		return fmt.Sprintf("the peer's cluster has the number %016x and this node's has %016x: one of them was founded anew, recovered or restored%s",
			m.Peer.Number, m.Own.Number, byPeer(refused))
	}
	return "the peer's greeting does not fit this node's" + byPeer(refused)
}

func storeName(store uint64) string {
	if store == 0 {
		return "none"
	}
	return fmt.Sprintf("%016x", store)
}

func byPeer(refused bool) string {
	if refused {
		return "; the peer refused this node"
	}
	return ""
}
