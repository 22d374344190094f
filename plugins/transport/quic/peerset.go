package quictransport

import (
	"errors"
	"fmt"
	"maps"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// setPeers makes set what the endpoint knows of others, and of its node. The
// book has it first: what is begun with what was there before is found by
// renew, or finds out itself (link.keep).
func (e *endpoint) setPeers(set transport.PeerSet) error {
	before := e.book.Self()
	broken := e.book.Set(set)
	e.desk.Set(set)
	e.unverified()
	e.reach.Set(set)
	gone, err := e.reconcile(set)
	for _, p := range gone {
		p.stop()
	}
	for _, id := range broken {
		if p := e.peer(id); p != nil {
			p.renew()
		}
	}
	for id, p := range *e.peers.Load() {
		if p.link.Load() != nil {
			e.book.Named(id)
		}
	}
	if before != set.Self {
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, p := range e.everybody() {
			p.announceSelf()
		}
	}
	return err
}

// reconcile returns the peers that are to be stopped.
func (e *endpoint) reconcile(set transport.PeerSet) ([]*peer, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		return nil, plugins.ErrClosed
	}
	var errs []error
	gone := maps.Clone(*e.peers.Load())
	next := make(map[uint64]*peer, len(set.Peers))
	for _, member := range set.Peers {
		if member.Id == e.self.node || next[member.Id] != nil {
			errs = append(errs, fmt.Errorf("%w: peer %x is this node or there twice", plugins.ErrInvalidArgument, member.Id))
			continue
		}
		urls, err := e.security.guard.URLs(member)
		errs = append(errs, err)
		p := gone[member.Id]
		if p == nil {
			p = e.takeLearned(member.Id)
		}
		delete(gone, member.Id)
		p.remote.Store(member.Remote)
		p.urls.Set(urls)
		p.startDialler()
		next[member.Id] = p
	}
	e.peers.Store(&next)
	e.removed.Store(e.remember(set.Removed, next))
	stopped := e.forgetRemoved()
	for _, p := range gone {
		stopped = append(stopped, p)
	}
	return stopped, errors.Join(errs...)
}

// remember adds to the removed members; only one that is a peer again is
// forgotten. It needs e.mu.
func (e *endpoint) remember(removed []transport.RemovedMember, peers map[uint64]*peer) *map[uint64]transport.RemovedMember {
	all := maps.Clone(*e.removed.Load())
	for _, m := range removed {
		all[m.Id] = m
	}
	for id := range peers {
		delete(all, id)
	}
	return &all
}
