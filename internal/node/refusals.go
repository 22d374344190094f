package node

import (
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/repeats"
)

// refusalPause is how long the log says nothing of what a peer's messages are
// refused for after it has said so once: a refused message is sent again and
// again, with other numbers in the reason.
const refusalPause = 10 * time.Second

// maxRefused bounds the peers that are told apart in the log.
const maxRefused = 256

// refusals are the messages of peers that this node did not take.
type refusals struct {
	count atomic.Uint64
	last  atomic.Pointer[Refusal]
	ticks int    // since the last one; of the raft goroutine
	seen  uint64 // count at the last tick; of the raft goroutine

	// logged are the peers of which the log spoke. They stay until nothing of theirs
	// was refused for a while: new names do not fill the log.
	logged *repeats.Book[member.ID]
}

func newRefusals() refusals {
	return refusals{logged: repeats.New[member.ID](repeats.Rule{Pause: refusalPause, Most: maxRefused})}
}

// Refusal is a message of a peer that was not taken.
type Refusal struct {
	From   member.ID
	Reason string
	At     time.Time
}

// refuse counts and logs a refusal.
func (n *Node) refuse(from member.ID, err error) {
	n.refusals.count.Add(1)
	now := time.Now()
	n.refusals.last.Store(&Refusal{From: from, Reason: err.Error(), At: now})
	if silent, due := n.refusals.logged.Note(from, now); due {
		n.logger.Warn("message refused", "from", from, "error", err, "more_since_last_line", silent)
	}
}

// tellResolved logs of whom nothing is refused any more.
func (n *Node) tellResolved() {
	for from, l := range n.refusals.logged.Ended(time.Now()) {
		n.logger.Info("messages are refused no longer", "from", from, "more_since_last_line", l.Silent)
	}
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
