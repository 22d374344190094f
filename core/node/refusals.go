package node

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/core/member"
)

// refusalPause is how long the log says nothing of what a peer's messages are
// refused for after it has said so once: what is refused is sent again and
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

	mu     sync.Mutex // never held over a write to the log
	logged map[member.ID]loggedRefusal
}

// loggedRefusal is when the log spoke of a peer last, how many refusals it has
// kept to itself since, and when the last one was.
type loggedRefusal struct {
	at     time.Time
	silent int
	last   time.Time
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
	if silent, due := n.refusals.due(from, now); due {
		n.logger.Warn("message refused", "from", from, "error", err, "more_since_last_line", silent)
	}
}

// due tells whether the log is to speak of a refusal of this peer, and how many
// it has passed over since it did so last.
func (r *refusals) due(from member.ID, now time.Time) (silent int, due bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, known := r.logged[from]
	if known && now.Sub(before.at) < refusalPause {
		before.silent++
		before.last = now
		r.logged[from] = before
		return 0, false
	}
	if !known && len(r.logged) >= maxRefused {
		return 0, false // until one of them is resolved: new names do not fill the log
	}
	if r.logged == nil {
		r.logged = map[member.ID]loggedRefusal{}
	}
	r.logged[from] = loggedRefusal{at: now, last: now}
	return before.silent, true
}

// resolved takes those out of whom nothing was refused for a while.
func (r *refusals) resolved(now time.Time) (gone map[member.ID]loggedRefusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for from, l := range r.logged {
		if now.Sub(l.last) >= refusalPause {
			if gone == nil {
				gone = map[member.ID]loggedRefusal{}
			}
			gone[from] = l
			delete(r.logged, from)
		}
	}
	return gone
}

// tellResolved logs of whom nothing is refused any more.
func (n *Node) tellResolved() {
	for from, l := range n.refusals.resolved(time.Now()) {
		n.logger.Info("messages are refused no longer", "from", from, "more_since_last_line", l.silent)
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
