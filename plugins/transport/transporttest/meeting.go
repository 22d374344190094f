package transporttest

import (
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/vouching"
)

// note puts events into the inbox, in order with messages. It needs
// network.mu, as does all that follows.
func (e *endpoint) note(events []transport.Event) {
	for _, event := range events {
		e.push(item{event: event})
	}
}

// hears reports whether the host of e has said enough of its node for e to
// answer a caller that greets.
func (e *endpoint) hears(caller *endpoint) bool {
	return e.book.Ready() || caller.book.Self() == transport.Greeting{}
}

// greet lets two endpoints exchange their greetings, as on the first bytes of a
// connection: to judges the caller, and if it has nothing against it, the
// caller judges the answer. Of what does not fit both hosts are told.
func (n *Network) greet(from, to *endpoint) *transport.Mismatch {
	caller := from.book.Self()
	called, refusal := to.book.Call(from.opts.NodeID, caller, from.book.Expected(to.opts.NodeID))
	if refusal == nil || refusal.NotMeant {
		return from.book.Meet(to.opts.NodeID, called)
	}
	m := &transport.Mismatch{Reason: refusal.Reason, Own: caller, Peer: called, Known: refusal.Known}
	from.book.Refused(to.opts.NodeID, m)
	return m
}

// connects reports whether a lasting connection comes about. An endpoint that does
// not know the caller, and has nothing against it, is not asked: it learns of the
// caller with the first message.
func (n *Network) connects(from, to *endpoint) bool {
	if _, known := to.peers[from.opts.NodeID]; !known && to.book.Self().Judge(from.book.Self(), 0) == nil {
		return true
	}
	return n.greet(from, to) == nil
}

// disconnect ends what is between an endpoint and one of its peers: messages on
// their way are dropped and reported, snapshots fail.
func (n *Network) disconnect(e *endpoint, peer uint64) {
	n.breakLink(direction{e.opts.NodeID, peer})
	n.breakLink(direction{peer, e.opts.NodeID})
	e.setActive(peer, false)
	if other := n.node(peer); other != nil {
		other.setActive(e.opts.NodeID, false)
	}
}

// node finds an open endpoint of that node.
func (n *Network) node(id uint64) *endpoint {
	for _, e := range n.endpoints {
		if e.opts.NodeID == id {
			return e
		}
	}
	return nil
}

// admits reports whether e hears a caller: no endpoint passes for another one on a
// Network, so a transport on it knows which callers are not members. It needs
// n.mu.
func (e *endpoint) admits(caller *endpoint) bool {
	id := caller.opts.NodeID
	heard, ask := e.desk.Admits(id)
	if ask {
		answer := vouching.Unanswered
		for _, p := range e.peers {
			if other := e.network.reach(e, p); other != nil && other.desk.Vouches(id) {
				answer = vouching.Member
			} else if other != nil {
				answer = max(answer, vouching.Unknown)
			}
		}
		e.desk.Told(id, answer)
		heard = e.desk.Stands(id)
	}
	return heard
}
