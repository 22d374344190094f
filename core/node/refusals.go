package node

import (
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/core/member"
)

// refusalPause is how long the log says nothing of refusals for one reason
// after it has said so once: a leader sends what is refused again and again.
const refusalPause = 10 * time.Second

// refusals are the messages of peers that this node did not take.
type refusals struct {
	count atomic.Uint64
	last  atomic.Pointer[Refusal]
	ticks int    // since the last one; of the raft goroutine
	seen  uint64 // count at the last tick; of the raft goroutine
}

// Refusal is a message of a peer that was not taken.
type Refusal struct {
	From   member.ID
	Reason string
	At     time.Time
	logged time.Time
}

// refuse counts and logs a refusal.
func (n *Node) refuse(from member.ID, err error) {
	n.refusals.count.Add(1)
	now := Refusal{From: from, Reason: err.Error(), At: time.Now()}
	before := n.refusals.last.Load()
	if before != nil && before.From == from && before.Reason == now.Reason && now.At.Sub(before.logged) < refusalPause {
		now.logged = before.logged
	} else {
		now.logged = now.At
		n.logger.Warn("message refused", "from", from, "error", err)
	}
	n.refusals.last.Store(&now)
}

// tick tells whether there was a refusal within the last election timeout.
func (r *refusals) tick(election int) bool {
	r.ticks++
	if count := r.count.Load(); count != r.seen {
		r.ticks, r.seen = 0, count
	}
	return r.seen > 0 && r.ticks <= election
}

// LastRefusal is the last message of a peer that was not taken; nil if there
// was none.
func (n *Node) LastRefusal() *Refusal { return n.refusals.last.Load() }
