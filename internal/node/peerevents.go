package node

import (
	"slices"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// A peerEvent is what a transport tells of a peer. A transport may tell as much as it
// likes, and callers of it too: so the same word waits once, however often it is said,
// and no more than maxWaitingEvents different ones do.
type peerEvent struct {
	kind  peerEventKind
	peer  member.ID
	store uint64 // of peerGreeted
}

type peerEventKind uint8

const (
	peerLost peerEventKind = iota
	peerGreeted
	peerMet
)

// maxWaitingEvents is far more than the members of a cluster give rise to: what is
// dropped was said of strangers.
const maxWaitingEvents = 1024

// PeersLost says that messages to peers were lost. Raft asks them anew.
func (n *Node) PeersLost(peers ...member.ID) {
	n.box.put(func(in *inputs) {
		for _, id := range peers {
			in.addEvent(peerEvent{kind: peerLost, peer: id})
		}
	})
}

// PeerGreeted says which store a peer showed; see Core.Greeted.
func (n *Node) PeerGreeted(id member.ID, store uint64) {
	n.box.put(func(in *inputs) { in.addEvent(peerEvent{peerGreeted, id, store}) })
}

// PeerMet says that there is a connection with a peer; see Core.Met.
func (n *Node) PeerMet(id member.ID) {
	n.box.put(func(in *inputs) { in.addEvent(peerEvent{kind: peerMet, peer: id}) })
}

// addEvent puts an event in if it does not wait already, and there is room.
func (in *inputs) addEvent(e peerEvent) {
	switch {
	case slices.Contains(in.peers, e):
	case len(in.peers) >= maxWaitingEvents:
		in.dropped++
	default:
		in.peers = append(in.peers, e)
	}
}

// peerEvent takes an event in. Only ErrFailed is of interest.
func (c *Core) peerEvent(e peerEvent) error {
	switch e.kind {
	case peerLost:
		return c.Unreachable(e.peer)
	case peerGreeted:
		return c.Greeted(e.peer, e.store)
	default:
		return c.Met(e.peer)
	}
}
