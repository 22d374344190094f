package courier

import (
	"slices"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// SetPeers replaces what the transports know of peers. It does not wait for them.
func (c *Courier) SetPeers(set transport.PeerSet) {
	c.mu.Lock()
	c.peers = set
	c.reroute()
	c.mu.Unlock()
	for _, k := range c.carriers {
		wake.Up(k.peersWake)
	}
}

// Follow tells which member leads: it is answered by the transport by which it speaks.
func (c *Courier) Follow(leader member.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.routes.leader = uint64(leader)
}

// reroute works out which transports can reach which peers. It needs c.mu.
func (c *Courier) reroute() {
	usable := make(map[uint64][]bool, len(c.peers.Peers))
	for _, p := range c.peers.Peers {
		can := make([]bool, len(c.carriers))
		for i, k := range c.carriers {
			can[i] = len(k.reach.of(p.Urls)) > 0
		}
		usable[p.Id] = can
	}
	c.routes.set(usable, time.Now())
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
func (c *Courier) complain(id uint64) []func() {
	if c.complained[id] {
		return nil
	}
	c.complained[id] = true
	why := c.noWayTo(id)
	return []func(){func() { c.logger.Error("a peer cannot be reached", "peer", member.ID(id), "error", why) }}
}

// noWayTo says why no transport reaches a peer. It needs c.mu.
func (c *Courier) noWayTo(id uint64) string {
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
func (c *Courier) peersOf(k *carrier) transport.PeerSet {
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

// Links tells how each peer is reached.
func (c *Courier) Links() []server.PeerLink {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	var all []server.PeerLink
	for _, p := range c.peers.Peers {
		link := server.PeerLink{ID: member.ID(p.Id)}
		r := c.routes.peers[p.Id]
		if !r.apart.IsZero() {
			link.Apart = now.Sub(r.apart)
		}
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
		all = append(all, link)
	}
	return all
}
