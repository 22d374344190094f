package core

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/core/node"
	"github.com/pontoon-raft/pontoon/internal/vfs"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Errors of identity that end a host.
var (
	// ErrLostData: this member acknowledged what its store does not have any
	// more. It must not vote or count again under its id.
	ErrLostData = errors.New("this member lost data: remove it from the cluster, empty its data directory, and add it under a new id")
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

	mu        sync.Mutex
	store     uint64
	registry  *member.Registry
	readTo    uint64 // the index of the registry that was read at boot
	founder   bool   // see node.Greeting
	self      transport.Greeting
	conflicts map[member.ID]conflict
	met       map[member.ID]bool // greeted, and fitting since
	warned    map[member.ID]string
	last      verdict

	lossOnce sync.Once
}

// conflict is why a peer and this member have no connection.
type conflict struct {
	reason  transport.MismatchReason
	refused bool   // the peer's word about this member, not the other way round
	detail  string // what does not fit, in the transport's words
	at      time.Time
}

// conflictAge is how long a conflict counts after it was last seen, in election
// timeouts: both sides try again much more often.
const conflictAge = 30

func newIdentity(h *Host) *identity {
	return &identity{h: h, pins: &pins{}, registry: &member.Registry{}, conflicts: map[member.ID]conflict{}, met: map[member.ID]bool{}, warned: map[member.ID]string{}}
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

// storeOf is the store that a peer is expected to show: the registered one, or
// else the first one that was seen.
func (i *identity) storeOf(registry *member.Registry, id member.ID) uint64 {
	if store := registry.Store(id); store != 0 {
		return store
	}
	return i.pins.of(id)
}

// greeted takes what a peer showed, which fits.
func (i *identity) greeted(id member.ID, g transport.Greeting) {
	i.pins.pin(id, g.Store)
	i.mu.Lock()
	_, was := i.conflicts[id]
	delete(i.conflicts, id)
	delete(i.warned, id)
	i.met[id] = true
	i.mu.Unlock()
	if was {
		i.h.logger.Info("peer shows the expected store and cluster again", "peer", id)
		i.judge()
	}
	if g := i.h.current(); g != nil {
		store := i.pins.of(id)
		g.node.Do(func(c *node.Core) error { return c.Greeted(id, store) })
	}
}

// remind tells a new node what stores its peers showed to an earlier one.
func (i *identity) remind(n *node.Node) {
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

// mismatch takes that a peer's greeting and this member's do not fit.
func (i *identity) mismatch(id member.ID, c conflict) {
	c.at = time.Now()
	text := c.sentence()
	i.mu.Lock()
	i.conflicts[id] = c
	delete(i.met, id)
	say := i.warned[id] != text
	i.warned[id] = text
	i.mu.Unlock()
	if say {
		i.h.logger.Error("no connection with a peer", "peer", id, "error", text)
	}
	i.judge()
}

// sentence says what does not fit, and the way out.
func (c conflict) sentence() string {
	switch {
	case c.reason == transport.MismatchStore && c.refused:
		return c.detail + ". " + ErrLostData.Error()
	case c.reason == transport.MismatchStore:
		return c.detail + ". Remove that member from the cluster and add it under a new id"
	case c.reason == transport.MismatchNumber:
		return c.detail + ". Stop the one that is wrong"
	}
	return c.detail + ". cluster.members or cluster.state differ"
}

// conflictWith is the sentence about a peer for its row in status; empty if
// there is no conflict.
func (i *identity) conflictWith(id member.ID) string {
	i.mu.Lock()
	c, ok := i.conflicts[id]
	i.mu.Unlock()
	if !ok || i.old(c) {
		return ""
	}
	return c.sentence()
}

func (i *identity) old(c conflict) bool { return time.Since(c.at) > conflictAge*i.h.cfg.Election }

// verdict is what the conflicts say of this member itself.
type verdict struct {
	err error
	bar bool // it must not vote or lead
	end bool
}

// judge acts on what the conflicts say of this member.
func (i *identity) judge() {
	i.mu.Lock()
	v := judge(i.self, i.fresh(), len(i.met), i.others())
	before := i.last
	i.last = v
	i.mu.Unlock()
	i.h.server.SetConflict(v.err)
	if g := i.h.current(); g != nil && before.bar != v.bar {
		g.node.Do(func(c *node.Core) error { return c.Bar(v.bar) })
	}
	if v.end {
		i.end(v.err)
	}
}

// fresh are the conflicts that were seen lately. It needs i.mu.
func (i *identity) fresh() map[member.ID]conflict {
	fresh := map[member.ID]conflict{}
	for id, c := range maps.All(i.conflicts) {
		if !i.old(c) {
			fresh[id] = c
		}
	}
	return fresh
}

// watch looks again, since conflicts get old, until the host ends.
func (i *identity) watch() {
	ticker := time.NewTicker(max(i.h.cfg.Election, 10*time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-i.h.quit:
			return
		case <-ticker.C:
			i.judge()
		case <-i.pins.wake:
			if err := i.pins.save(); err != nil {
				i.h.logger.Error("what store a peer has could not be noted", "error", err)
			}
		}
	}
}

// end ends the host. A loss of data is noted first: the next start must know.
func (i *identity) end(err error) {
	if errors.Is(err, ErrLostData) {
		i.lost(err.Error())
	}
	i.h.fail(err)
}

// lostData takes that a leader counts on entries that this member does not have. It
// does not wait for the disk.
func (i *identity) lostData(err error) {
	i.lossOnce.Do(func() { i.h.wg.Go(func() { i.lost(err.Error()) }) })
}

// others is how many peers there are: members, or before there are any those of
// the configuration.
func (i *identity) others() int {
	ids := map[member.ID]bool{}
	for _, m := range i.registry.Members() {
		ids[m.ID] = true
	}
	for _, m := range i.h.cfg.Members {
		if _, removed := i.registry.WasRemoved(m.ID); !removed {
			ids[m.ID] = true
		}
	}
	delete(ids, i.h.cfg.ID)
	return len(ids)
}

// lost notes that the store lost data.
func (i *identity) lost(why string) {
	if err := i.pins.lose(why); err != nil {
		i.h.logger.Error("the loss of data could not be noted: the next start has to find it again", "error", err)
	}
}

// judge decides from the peers' greetings. One peer's word ends nothing: those
// that say so must be half of the others at least, and more than those that
// this member has a connection with. While as many say so as there are
// connections, this member neither votes nor leads nor serves: of two halves,
// neither knows whose history is the right one.
func judge(self transport.Greeting, conflicts map[member.ID]conflict, agreeing, others int) verdict {
	var strangers, accusers []string
	for _, id := range slices.Sorted(maps.Keys(conflicts)) {
		switch c := conflicts[id]; {
		case c.reason != transport.MismatchStore:
			strangers = append(strangers, id.String())
		case c.refused:
			accusers = append(accusers, id.String())
		}
	}
	most := func(n int) bool { return n > 0 && 2*n >= others && n > agreeing }
	switch {
	case len(accusers) > 0 && len(accusers) >= agreeing:
		err := fmt.Errorf("%w: members %s know it by another store than %x", ErrLostData, strings.Join(accusers, ", "), self.Store)
		return verdict{err: err, bar: true, end: most(len(accusers))}
	case most(len(strangers)) && self.Number == 0:
		return verdict{err: fmt.Errorf("%w (members %s)", ErrOtherCluster, strings.Join(strangers, ", ")), bar: true, end: true}
	case most(len(strangers)):
		return verdict{err: fmt.Errorf("members %s belong to another cluster under the same id than this member (number %x): stop the wrong one",
			strings.Join(strangers, ", "), self.Number)}
	}
	return verdict{}
}
