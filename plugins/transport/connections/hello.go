package connections

import (
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
)

// A hello is what a dialler says of itself, and of the node that it wants.
type hello struct {
	Cluster, From, To uint64
	Lane              string // what the connection is for
	Greeting          transport.Greeting
	Expected          uint64 // the store that the other end must have; 0: any
	About             uint64 // of a hello for member 0: is that one a member?
}

// An answer is a welcome, or says why not.
type answer struct {
	Code          string
	Cluster, From uint64
	Greeting      transport.Greeting
	Reason        transport.MismatchReason // of a mismatch
	Known         uint64                   // of a mismatch: the store with which the dialler is known
	Index, Term   uint64                   // of a removal
	Text          string                   // of a refusal
	Vouches       bool                     // the node that it was asked about is a member
}

const (
	codeWelcome  = "welcome"
	codeRemoved  = "removed"
	codeMismatch = "mismatch"
	codeNotMeant = "not meant" // the dialler expects another store, and judges itself
	codeNotReady = "not ready"
	codeRefused  = "refused"
)

// judgeCaller decides about a dialler. The order matters: a stranger of another cluster is
// told nothing, and only a member that was removed is told so.
func (n *node) judgeCaller(l *link, h hello) answer {
	a := answer{Code: codeRefused, Cluster: n.opts.ClusterID, From: n.opts.NodeID}
	n.mu.Lock()
	gone, removed := n.removed[h.From]
	n.mu.Unlock()
	switch {
	case h.Cluster != n.opts.ClusterID:
		a.Text = fmt.Sprintf("this node is in cluster %x", n.opts.ClusterID)
		return a
	case removed:
		a.Code, a.Index, a.Term = codeRemoved, gone.Index, gone.Term
		return a
	case h.To != n.opts.NodeID || h.From == n.opts.NodeID || h.From == 0:
		a.Greeting = n.book.Self() // for a ping
		a.Vouches = n.desk != nil && h.About != 0 && n.desk.Vouches(h.About)
		a.Text = fmt.Sprintf("this node is %x", n.opts.NodeID)
		return a
	case h.Lane != laneControl && h.Lane != laneBulk && h.Lane != laneSnapshot:
		a.Text = "this node knows no such lane"
		return a
	case !n.book.Ready():
		a.Code = codeNotReady
		return a
	}
	if err := n.hears(l, h.From); err != nil {
		a.Text = err.Error()
		return a
	}
	said, refusal := n.book.Call(h.From, h.Greeting, h.Expected)
	a.Code, a.Greeting = codeWelcome, said
	if refusal != nil {
		a.Code, a.Reason, a.Known = codeMismatch, refusal.Reason, refusal.Known
		if refusal.NotMeant {
			a.Code, a.Known = codeNotMeant, 0
		}
	}
	return a
}

// judgeAnswer decides about what a peer has answered to what this node said. Of another
// node's word nothing is believed.
func (n *node) judgeAnswer(peer uint64, said transport.Greeting, a answer) error {
	switch {
	case a.Cluster != n.opts.ClusterID || a.From != peer:
		return fmt.Errorf("member %x of cluster %x answers: %q", a.From, a.Cluster, a.Text)
	case a.Code == codeRemoved:
		return &greetings.RemovedError{Proof: transport.RemovedMember{Id: n.opts.NodeID, Index: a.Index, Term: a.Term}}
	case a.Code == codeNotReady:
		return greetings.ErrNotReady
	case a.Code == codeMismatch:
		m := &transport.Mismatch{Reason: a.Reason, Own: said, Peer: a.Greeting, Known: a.Known}
		n.book.Refused(peer, m)
		return m
	case a.Code == codeWelcome || a.Code == codeNotMeant:
		if m := n.book.Meet(peer, a.Greeting); m != nil {
			return m
		}
		if a.Code == codeWelcome {
			return nil
		}
		return errors.New("the peer has another store than this node expected a moment ago")
	}
	return fmt.Errorf("refused: %q", a.Text)
}
