package core

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// setPeers tells the transports whom to talk to: the members, and as long as
// this node does not find itself among them, the configured ones as remotes.
func (c *courier) setPeers(registry *member.Registry) {
	self := c.h.cfg.self()
	set := transport.PeerSet{Self: c.h.identity.greeting()}
	for _, m := range registry.Members() {
		if m.ID != self {
			set.Peers = append(set.Peers, transport.Peer{
				Id: uint64(m.ID), Urls: m.PeerURLs, Store: c.h.identity.storeOf(registry, m.ID),
			})
		}
	}
	if _, in := registry.Member(self); !in {
		set.Joining = !c.h.cfg.Bootstrap || registry.Begun()
		for _, m := range c.h.cfg.configured() {
			_, known := registry.Member(m.ID)
			_, removed := registry.WasRemoved(m.ID)
			if m.ID != self && !known && !removed {
				set.Peers = append(set.Peers, transport.Peer{
					Id: uint64(m.ID), Urls: m.PeerURLs, Remote: !c.h.cfg.Bootstrap,
					Store: c.h.identity.storeOf(registry, m.ID),
				})
			}
		}
	}
	for _, r := range registry.RemovedMembers() {
		set.Removed = append(set.Removed, transport.RemovedMember{Id: uint64(r.ID), Index: r.Index, Term: r.Term})
	}
	c.mu.Lock()
	c.peers = set
	c.reroute()
	c.mu.Unlock()
	for _, k := range c.carriers {
		signal(k.peersWake)
	}
}

// follow says who leads.
func (c *courier) follow(leader member.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.routes.leader = uint64(leader)
}

// reroute works out which transports can reach which peers. It needs c.mu.
func (c *courier) reroute() {
	usable := make(map[uint64][]bool, len(c.peers.Peers))
	for _, p := range c.peers.Peers {
		can := make([]bool, len(c.carriers))
		for i, k := range c.carriers {
			can[i] = len(k.reach.of(p.Urls)) > 0
		}
		usable[p.Id] = can
	}
	c.routes.set(usable)
	for id := range c.complained {
		if usable[id] == nil || slices.Contains(usable[id], true) {
			delete(c.complained, id)
		}
	}
}

// complain returns, once, what says in the log that a peer cannot be reached
// although there is something to be sent to it. Earlier it would be too early: a
// log that is replayed begins with addresses of long ago. It needs c.mu; the
// returned function must not have it.
func (c *courier) complain(id uint64) []func() {
	if c.complained[id] {
		return nil
	}
	c.complained[id] = true
	why := c.noWayTo(id)
	return []func(){func() { c.h.logger.Error("a peer cannot be reached", "peer", member.ID(id), "error", why) }}
}

// noWayTo says why no transport reaches a peer. It needs c.mu.
func (c *courier) noWayTo(id uint64) string {
	var urls, schemes []string
	for _, p := range c.peers.Peers {
		if p.Id == id {
			urls = p.Urls
		}
	}
	for _, k := range c.carriers {
		schemes = append(schemes, k.reach.schemes...)
	}
	return "none of its peer URLs (" + strings.Join(urls, ", ") + ") has a scheme that a transport of this member has (" +
		strings.Join(schemes, ", ") + ")"
}

// peersOf is what one transport should know of others: the peers that it can
// dial, and all removed members.
func (c *courier) peersOf(k *carrier) transport.PeerSet {
	c.mu.Lock()
	defer c.mu.Unlock()
	set := transport.PeerSet{Removed: c.peers.Removed, Self: c.peers.Self, Joining: c.peers.Joining}
	if set.Self.Store == 0 {
		set.Joining = true
		return set // no peer is called before this member can say who it is
	}
	for _, p := range c.peers.Peers {
		if p.Urls = k.reach.of(p.Urls); len(p.Urls) > 0 {
			set.Peers = append(set.Peers, p)
		}
	}
	return set
}

// links tells how each peer is reached.
func (c *courier) links() []server.PeerLink {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	var all []server.PeerLink
	for _, p := range c.peers.Peers {
		link := server.PeerLink{ID: member.ID(p.Id)}
		r := c.routes.peers[p.Id]
		for i := range r.ways {
			if r.ways[i].usable {
				link.Usable = append(link.Usable, c.carriers[i].name)
			}
		}
		if next := c.routes.next(p.Id, now); next != noWay {
			link.Transport, link.Active = c.carriers[next].name, r.ways[next].active
		} else {
			link.Error = c.noWayTo(p.Id)
		}
		link.Error = cmp.Or(c.h.identity.conflictWith(link.ID), link.Error)
		all = append(all, link)
	}
	return all
}
