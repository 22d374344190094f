package node

import (
	"math"
	"time"

	"go.etcd.io/raft/v3"

	"github.com/pontoon-raft/pontoon/core/member"
)

const (
	// windowBytes bounds what one leader has of proposals on their way: so much of
	// its own, and so much of all others together.
	windowBytes = 16 << 20
	// windowTurn is for how many elections at least a proposal counts of which
	// nothing was heard.
	windowTurn = 3
)

// window is what this node has handed in of its own proposals, or forwarded, and
// its state machine has not applied: each counts until then, or until its leader
// says that it has dropped it. Before it is committed it also ends when leader or
// term change, or when it must be lost. What does not fit waits in the mailbox,
// from which it can be withdrawn, and costs the leader nothing.
type window struct {
	// open are not committed, in the order in which they were handed in. That is
	// the order of a leader's log, so the next that is committed is the first.
	open []underWay
	// strays are those that others overtook on their way to another leader, by the
	// numbers of requests.
	strays map[uint64]underWay
	put    []underWay // put out for apply, in the order of the log
	bytes  uint64     // of all
	ticks  int        // since the last turn
	turn   int        // how many there were
	lost   bool       // something was lost on its way to the leader since then
	// latency is for how long those that were applied lately were on their way. It
	// comes down while nothing is: what took so long is over then.
	latency time.Duration
}

// underWay is a proposal that was handed in.
type underWay struct {
	number uint64 // of the request
	size   uint64
	at     time.Time
	index  uint64 // in put
	turn   int    // of the window
}

func (w *window) add(proposals []Proposal) {
	now := time.Now()
	for i := range proposals {
		p := underWay{number: proposals[i].ID.Number, size: proposals[i].size(), at: now, turn: w.turn}
		w.open = append(w.open, p)
		w.bytes += p.size
	}
}

// take takes a request that is not committed out, if it is there. Each that it
// passes becomes a stray once, so the work is in proportion to what was handed
// in.
func (w *window) take(number uint64) (p underWay, ok bool) {
	if p, ok = w.strays[number]; ok {
		delete(w.strays, number)
	}
	for !ok && len(w.open) > 0 {
		p = w.open[0]
		w.open = w.open[1:]
		if ok = p.number == number; !ok {
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
	w.strays[p.number] = p
}

// out notes commands that come out for apply.
func (w *window) out(self member.ID, commands []Command) {
	for i := range commands {
		if id := commands[i].ID; id.Origin == self {
			if p, ok := w.take(id.Number); ok {
				p.index = commands[i].Index
				w.put = append(w.put, p)
				w.bytes += p.size
			}
		}
	}
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
func (c *Core) Applied(index uint64) { c.window.applied(index) }

// tick gives up what must be lost: after a loss everything, but not twice in an
// election; otherwise what is from before the last turn but one. A leader has its
// own in its log: none of them is lost.
func (w *window) tick(election int, leads bool) {
	w.ticks++
	if w.bytes == 0 {
		w.latency -= w.latency / 8
	}
	switch {
	case w.lost && w.ticks >= election:
		w.reset()
	case !leads && w.ticks >= windowTurn*election:
		w.forget(w.turn)
		w.turn++
		w.ticks = 0
	}
}

// reset gives up all that is not committed.
func (w *window) reset() {
	w.forget(w.turn + 1)
	*w = window{put: w.put, bytes: w.bytes, latency: w.latency}
}

// forget gives up what was handed in before the given turn.
func (w *window) forget(turn int) {
	for len(w.open) > 0 && w.open[0].turn < turn {
		w.bytes -= w.open[0].size
		w.open = w.open[1:]
	}
	for number, p := range w.strays {
		if p.turn < turn {
			w.bytes -= p.size
			delete(w.strays, number)
		}
	}
}

// Room is how many bytes of proposals should be handed in now; what is beyond
// waits, and goes in together: batching by back-pressure. Those that will be
// refused need not wait. A leader that has not founded the cluster yet lets them
// wait too.
func (c *Core) Room() uint64 {
	const all = math.MaxUint64
	switch {
	case c.checkFitness() != nil:
		return all
	case c.appends.len() >= c.cfg.MaxAppends, c.leads() && !c.founded():
		return 0
	case c.lead == raft.None, c.checkSpace() != nil, c.checkLeaderSpace() != nil:
		return all
	}
	most := uint64(windowBytes)
	if !c.leads() {
		most = max(windowBytes/uint64(max(1, c.registry.Len()-1)), c.cfg.Limits.BatchBytes())
	}
	return most - min(most, c.window.bytes)
}
