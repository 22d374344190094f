package core

import (
	"cmp"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// tellPeers tells the transports of the members that this one knows.
func (h *Host) tellPeers() { h.courier.SetPeers(h.peerSet(h.identity.known())) }

// peerSet is with which peers this member talks: the members, and as long as it does
// not find itself among them, the configured ones as remotes.
func (h *Host) peerSet(registry *member.Registry) transport.PeerSet {
	self := h.cfg.self()
	set := transport.PeerSet{Self: h.identity.greeting()}
	for _, m := range registry.Members() {
		if m.ID != self {
			set.Peers = append(set.Peers, transport.Peer{
				Id: uint64(m.ID), Urls: m.PeerURLs, Store: h.identity.storeOf(registry, m.ID),
			})
		}
	}
	if _, in := registry.Member(self); !in {
		set.Joining = !h.cfg.Bootstrap || registry.Begun()
		for _, m := range h.cfg.configured() {
			_, known := registry.Member(m.ID)
			_, removed := registry.WasRemoved(m.ID)
			if m.ID != self && !known && !removed {
				set.Peers = append(set.Peers, transport.Peer{
					Id: uint64(m.ID), Urls: m.PeerURLs, Remote: !h.cfg.Bootstrap,
					Store: h.identity.storeOf(registry, m.ID),
				})
			}
		}
	}
	for _, r := range registry.RemovedMembers() {
		set.Removed = append(set.Removed, transport.RemovedMember{Id: uint64(r.ID), Index: r.Index, Term: r.Term})
	}
	return set
}

// links tells how each peer is reached, or why not.
func (h *Host) links() []server.PeerLink {
	all := h.courier.Links()
	for i := range all {
		all[i].Error = cmp.Or(h.identity.conflictWith(all[i].ID), all[i].Error)
	}
	return all
}
