package core

import (
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/core/node"
	"github.com/pontoon-raft/pontoon/internal/vfs"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Errors of identity that end a host.
var (
	// ErrLostData: this member acknowledged what its store does not have any
	// more. It must not vote or count again under its id.
	ErrLostData = node.ErrLostData
	// ErrOtherCluster: the cluster that the peers belong to began with other
	// members than this one's log, which has nothing but its own beginning.
	ErrOtherCluster = errors.New("this member has founded a cluster of its own, and its peers belong to another: " +
		"empty its data directory, and start it with cluster.state: existing, or give all founding members the same cluster.members")
)

// identity is who this member is to its peers, who they are to it, and what
// does not fit. It belongs to the host: it outlives generations and transports.
//
// A peer whose greeting does not fit is refused by the transports, both ways:
// its messages, its votes and its snapshots do not arrive. identity makes of it
// a sentence for the operator and, when it is this member that does not fit, the
// end of its service: not ready, or the end of the host where its store has
// nothing that the others lack.
type identity struct {
	h    *Host
	pins *pins

	judging sync.Mutex // held while a judgement is made and acted on

	mu        sync.Mutex
	store     uint64
	registry  *member.Registry
	readTo    uint64 // the index of the registry that was read at boot
	founder   bool   // see node.Greeting
	self      transport.Greeting
	conflicts map[conflict]sighting // by kind
	met       map[member.ID]bool    // greeted, and fitting since
	last      verdict

	losses   chan loss // for watch, which may wait for the disk
	lossOnce sync.Once
}

func newIdentity(h *Host) *identity {
	return &identity{
		h: h, pins: &pins{}, registry: &member.Registry{}, conflicts: map[conflict]sighting{}, met: map[member.ID]bool{},
		losses: make(chan loss, 2),
	}
}

// open reads what is remembered of stores.
func (i *identity) open() error {
	fsys, err := vfs.OS(i.h.cfg.DataDir)
	if err == nil {
		i.pins, err = openPins(fsys)
	}
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}

// close ends the use of the data directory. It is called when nothing of the host
// runs any more.
func (i *identity) close() error {
	if i.pins.fs == nil {
		return nil // the start failed before open
	}
	return i.pins.fs.Close()
}

// admit takes what a generation opened, before its node is made.
func (i *identity) admit(cfg node.Config) error {
	registry, index, err := node.BootRegistry(cfg)
	if err != nil {
		return fmt.Errorf("membership in the log: %w", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.store, i.registry, i.founder = cfg.State.StoreID, registry, len(cfg.Bootstrap) > 0
	i.readTo = index
	i.self = node.Greeting(i.store, registry, i.founder)
	return nil
}

// learned takes the membership of the running node. While that is behind what
// was read at boot, the latter stands: a node that replays its log knows its
// cluster all the same.
func (i *identity) learned(registry *member.Registry, index uint64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if index < i.readTo {
		return
	}
	i.registry = registry
	i.self = node.Greeting(i.store, registry, i.founder)
}

// known is the membership by which peers are known; empty before there is one.
func (i *identity) known() *member.Registry {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.registry
}

// greeting is what this member shows.
func (i *identity) greeting() transport.Greeting {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.self
}

// storeOf is the store that a member is expected to show: the registered one, or
// else the first one that was seen of it.
func (i *identity) storeOf(registry *member.Registry, id member.ID) uint64 {
	if store := registry.Store(id); store != 0 {
		return store
	}
	return i.pins.of(id)
}

// maxStrangersMet bounds the callers that are remembered without being members.
const maxStrangersMet = 64

// greeted takes what a peer showed, which fits. A member is bound by it from then
// on. One that is not added yet has acknowledged nothing, and may come with
// another store.
func (i *identity) greeted(id member.ID, g transport.Greeting) {
	i.mu.Lock()
	_, in := i.others()[id]
	i.mu.Unlock()
	store := g.Store
	if in {
		i.pins.pin(id, store)
		store = i.pins.of(id)
	}
	i.joined(id)
	if g := i.h.current(); g != nil {
		g.node.Do(func(c *node.Core) error { return c.Greeted(id, store) })
	}
}

// joined takes that there is a connection with a peer: its greeting, told now or
// with an earlier connection, fits.
func (i *identity) joined(id member.ID) {
	i.mu.Lock()
	was := false
	for c := range maps.All(i.conflicts) {
		if c.peer == id {
			was = true
			delete(i.conflicts, c)
		}
	}
	i.meet(id)
	i.mu.Unlock()
	if was {
		i.h.logger.Info("peer shows the expected store and cluster again", "peer", id)
		i.judge()
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

// remind tells a new node what an earlier one knew: what stores its peers showed,
// and whether it must not vote.
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
