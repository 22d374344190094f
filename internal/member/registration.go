package member

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// A Registration is what a leader writes into the log of who the members are,
// beside what was changed of them: the number of the cluster, and which store
// each member keeps its log in.
//
// A cluster's id is a word in a configuration, which a second cluster may have
// as well. Its number is random, drawn once by the first leader, so a member
// whose number differs belongs to another history. A member's id is such a word
// too; its store is not, so a member that comes with another store has lost what
// it acknowledged and what it voted.
type Registration struct {
	// Number is drawn by the first leader; 0 in later registrations.
	Number uint64 `json:"number,omitempty"`
	// Stores are those that members made contact with, in the order of the ids.
	Stores []MemberStore `json:"stores,omitempty"`
	// Refound makes the log the beginning of a cluster of its own: the number
	// is to be drawn anew, Founding is what members of this beginning have in
	// common, and no store is registered any more. It is for the tools that make
	// a cluster from a survivor or from a snapshot.
	Refound  bool   `json:"refound,omitempty"`
	Founding uint64 `json:"founding,omitempty"`
}

// MemberStore is the store of one member.
type MemberStore struct {
	ID    ID     `json:"id"`
	Store uint64 `json:"store"`
}

// Number is the cluster's own random number; 0 while none was drawn.
func (r *Registry) Number() uint64 { return r.number }

// Founding is a hash of the changes by which the cluster began: all those
// before its number was drawn. 0 means that there were none, so a member that
// only waits to be added has none of its own.
func (r *Registry) Founding() uint64 { return r.founding }

// Begun tells whether Founding is final. Before the number is drawn it grows
// with every change, so a member that is being caught up has that of a part.
func (r *Registry) Begun() bool { return r.begun }

// Store is the store that was registered for a member; 0 if none was.
func (r *Registry) Store(id ID) uint64 { return r.members[id].Store }

// maxStores bounds one registration, so that it fits into any entry.
const maxStores = 16

// Unregistered picks what a registration should say, of the stores that are
// known: those of members without one, 16 at most. It is false if there is
// nothing to say.
func (r *Registry) Unregistered(known map[ID]uint64) (Registration, bool) {
	var g Registration
	for _, m := range r.Members() {
		if store := known[m.ID]; m.Store == 0 && store != 0 && len(g.Stores) < maxStores {
			g.Stores = append(g.Stores, MemberStore{ID: m.ID, Store: store})
		}
	}
	return g, r.number == 0 || len(g.Stores) > 0
}

// Register returns the registry after g. Facts that r has already stay: the
// first number and the first store of a member count, whatever a later leader
// believes. It never fails, so that every replica does the same.
func (r *Registry) Register(g Registration) *Registry {
	if g.Refound {
		return r.Refound(g.Founding)
	}
	next := r.clone()
	next.number = cmp.Or(r.number, g.Number)
	next.begun = r.begun || next.number != 0
	for _, s := range g.Stores {
		if m, ok := next.members[s.ID]; ok && m.Store == 0 {
			m.Store = s.Store
			next.members[s.ID] = m
		}
	}
	return next
}

// Emptied returns a registry without members that has all of r which belongs to the state, and
// not to the members: the feature level and the command version.
func (r *Registry) Emptied() *Registry {
	return (&Registry{}).Raise(r.level).Switch(Switch{CommandVersion: r.commands})
}

// Refound returns a registry with the same members that has not been founded: its
// number is to be drawn, and no store is registered. founding must differ from
// that of the cluster it comes from, and be the same on all members that begin
// together.
func (r *Registry) Refound(founding uint64) *Registry {
	next := r.clone()
	next.number, next.founding, next.begun = 0, founding, true
	for id, m := range maps.All(r.members) {
		m.Store = 0
		next.members[id] = m
	}
	return next
}

// foundingAfter is the hash after one more change.
func (r *Registry) foundingAfter(c Change) uint64 {
	if r.begun {
		return r.founding
	}
	c.Member.Store = 0
	c.Member.PeerURLs = slices.Sorted(slices.Values(c.Member.PeerURLs))
	text, err := json.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("membership change: %v", err)) // plain text and numbers
	}
	sum := sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, r.founding), text...))
	return max(binary.BigEndian.Uint64(sum[:8]), 1) // 0 means none
}
