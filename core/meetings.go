package core

import (
	"maps"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// maxStrangersMet bounds the callers that are remembered without being members.
const maxStrangersMet = 64

// greeted takes what a peer showed, which fits. A member is bound by it from then
// on. One that is not added yet has acknowledged nothing, and may come with
// another store.
func (i *identity) greeted(id member.ID, g transport.Greeting) {
	i.mu.Lock()
	binding := i.binds(id)
	i.mu.Unlock()
	store := g.Store
	if binding {
		i.pins.pin(id, store)
		store = i.pins.of(id)
	}
	i.joined(id)
	if g := i.h.current(); g != nil {
		g.node.PeerGreeted(id, store)
	}
}

// binds tells whether the store that a peer shows is its own from now on: it is a
// member, or a founder while the log does not say who the members are. A list in a
// configuration may name members that are not added yet. It needs i.mu.
func (i *identity) binds(id member.ID) bool {
	_, in := i.registry.Member(id)
	if !in && !i.registry.Begun() {
		_, in = i.others()[id]
	}
	return in
}

// joined takes that there is a connection with a peer: its greeting, told now or
// with an earlier connection, fits.
func (i *identity) joined(id member.ID) {
	i.mu.Lock()
	was, told := false, false
	for c, seen := range maps.All(i.conflicts) {
		if c.peer == id {
			was, told = true, told || seen.told
			delete(i.conflicts, c)
		}
	}
	i.meet(id)
	i.mu.Unlock()
	if told {
		i.h.logger.Info("peer shows the expected store and cluster again", "peer", id)
	}
	if was {
		i.judge()
	}
	if g := i.h.current(); g != nil {
		g.node.PeerMet(id)
	}
}

// meet notes that there is a connection. Strangers are noted too, since they may
// be members that this one has not heard of yet; they take no room of members. It
// needs i.mu.
func (i *identity) meet(id member.ID) {
	others, strangers := i.others(), 0
	for known := range i.met {
		if _, in := others[known]; !in {
			strangers++
		}
	}
	if _, in := others[id]; in || strangers < maxStrangersMet {
		i.met[id] = true
	}
}

// remind tells a new node what an earlier one knew: the stores that its peers
// showed, and whether it must not vote.
func (i *identity) remind(n *node.Node) {
	n.Do(i.bar)
	for id, store := range i.pins.all() {
		n.Do(func(c *node.Core) error { return c.Greeted(id, store) })
	}
}

// left takes that there is no connection with a peer any more.
func (i *identity) left(id member.ID) {
	i.mu.Lock()
	delete(i.met, id)
	i.mu.Unlock()
}

// parted takes that a transport has ended: the peers that no other one reaches
// have left.
func (i *identity) parted() {
	i.mu.Lock()
	met := maps.Clone(i.met)
	i.mu.Unlock()
	for id := range met {
		if !i.connected(id) {
			i.left(id)
		}
	}
}
