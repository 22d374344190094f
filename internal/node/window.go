package node

import (
	"cmp"
	"math"
	"slices"
	"time"

	"go.etcd.io/raft/v3"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// windowBytes bounds what one leader has of proposals on their way: so much of
// its own, and so much of all others together.
const windowBytes = 16 << 20

// window has the proposals of this node's own clients that it has handed in, or
// forwarded, and that its state machine has not applied: each counts until then, or until
// it is known to be in no log. Proposals that do not fit wait in the mailbox, from which
// they can be withdrawn, and cost the leader nothing.
type window struct {
	// open have not come out for apply, in the order in which they were handed in. That
	// is the order of a leader's log, so the next that comes out is the first.
	open []underWay
	// strays are those that others overtook on their way to another leader, by the
	// numbers of requests.
	strays map[uint64]underWay
	since  uint64     // none of them was handed in before this term
	put    []underWay // put out for apply, in the order of the log
	bytes  uint64     // of all
	// latency is for how long those that were applied lately were on their way. It
	// comes down while nothing is, as the cause of a long one is over then.
	latency time.Duration
}

// underWay is a proposal that was handed in.
type underWay struct {
	id    RequestID
	batch *batch // in which it was forwarded; nil if this node led
	term  uint64
	size  uint64
	at    time.Time
	index uint64 // in put
}

func (w *window) add(term uint64, proposals []Proposal, b *batch) {
	if w.opened() == 0 {
		w.since = term
	}
	now := time.Now()
	for i := range proposals {
		p := underWay{id: proposals[i].ID, batch: b, term: term, size: proposals[i].size(), at: now}
		w.open = append(w.open, p)
		w.bytes += p.size
	}
}

// opened is the number of those that have not come out for apply.
func (w *window) opened() int { return len(w.open) + len(w.strays) }

// take takes a request that has not come out for apply out, if it is there. Each
// that it passes becomes a stray once, so the work is in proportion to what was
// handed in.
func (w *window) take(number uint64) (p underWay, ok bool) {
	if p, ok = w.strays[number]; ok {
		delete(w.strays, number)
	}
	for !ok && len(w.open) > 0 {
		p = w.open[0]
		w.open = w.open[1:]
		if ok = p.id.Number == number; !ok {
			w.stray(p)
		}
	}
	if len(w.open) == 0 {
		w.open = nil
	}
	if !ok {
		return underWay{}, false
	}
	w.bytes -= p.size
	return p, true
}

func (w *window) stray(p underWay) {
	if w.strays == nil {
		w.strays = map[uint64]underWay{}
	}
	w.strays[p.id.Number] = p
}

// out notes commands that come out for apply.
func (w *window) out(self member.ID, commands []Command) {
	for i := range commands {
		if id := commands[i].ID; id.Origin == self {
			if p, ok := w.take(id.Number); ok {
				if p.batch != nil {
					p.batch.settled = true
				}
				p.index, p.batch = commands[i].Index, nil
				w.put = append(w.put, p)
				w.bytes += p.size
			}
		}
	}
}

// gone takes out, in the order in which they came, the proposals that were handed
// in before a term, of which an entry has come out for apply: the entries of
// earlier terms have all come out before it, and no more will. So these are in no
// log.
func (w *window) gone(term uint64) []RequestID {
	if w.opened() == 0 || w.since >= term {
		return nil
	}
	return w.before(term)
}

// forget takes out the proposals that were handed in before a term: a snapshot
// may have them.
func (w *window) forget(term uint64) { w.before(term) }

// before takes out the proposals that were handed in before a term.
func (w *window) before(term uint64) (list []RequestID) {
	w.since = max(w.since, term)
	for len(w.open) > 0 && w.open[0].term < term {
		w.stray(w.open[0])
		w.open = w.open[1:]
	}
	for number, p := range w.strays {
		if p.term < term {
			delete(w.strays, number)
			w.bytes -= p.size
			list = append(list, p.id)
		}
	}
	slices.SortFunc(list, func(a, b RequestID) int { return cmp.Compare(a.Number, b.Number) })
	return list
}

// applied gives back the room of what the state machine has.
func (w *window) applied(index uint64) {
	now := time.Now()
	for len(w.put) > 0 && w.put[0].index <= index {
		w.bytes -= w.put[0].size
		w.latency += (now.Sub(w.put[0].at) - w.latency) / 8
		if w.put = w.put[1:]; len(w.put) == 0 {
			w.put = nil
		}
	}
}

// Applied says that the state machine has everything up to index. It makes room
// for proposals; raft knows it already.
func (c *Core) Applied(index uint64) {
	c.window.applied(index)
	c.takings.applied(index)
	c.timer.applied(index)
}

func (w *window) tick() {
	if w.bytes == 0 {
		w.latency -= w.latency / 8
	}
}

// Room is how many bytes of proposals should be handed in now; those beyond
// wait, and go in together: batching by back-pressure. Those that will be
// refused need not wait. A leader that takes no proposals yet lets them wait too, and so does
// a member whose leader has refused the last ones for what passes.
func (c *Core) Room() uint64 {
	const all = math.MaxUint64
	switch {
	case c.checkFitness() != nil:
		return all
	case c.appends.len() >= c.cfg.MaxAppends, c.leads() && !c.takesProposals():
		return 0
	case c.lead == raft.None, c.checkSpace() != nil, c.checkLeaderTakes() != nil:
		return all
	case !c.leads() && !c.mayForward(maxBatches/2): // what waits may be several batches
		return 0
	}
	most := uint64(windowBytes)
	if !c.leads() {
		most = max(windowBytes/uint64(max(1, c.registry.Len()-1)), c.cfg.Limits.BatchBytes())
	}
	return most - min(most, c.window.bytes)
}
