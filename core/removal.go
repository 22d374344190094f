package core

import (
	"fmt"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/repeats"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// lonelyElections is for how many election timeouts a member must have heard
// neither a leader nor a majority, and the same word of its removal must have
// lasted, until that word is believed of fewer than most others. See outlast.
const lonelyElections = 60

// mostRemovalWords bounds the peers whose words are remembered. A member that does not know
// the others yet cannot tell them from strangers.
const mostRemovalWords = 256

// removalAgain is how long the log has no second line of a peer that says the same kind of
// thing of the removal of this member.
const removalAgain = time.Minute

// removalWords are what peers have said of this member's removal, each its last
// word. A peer takes its word back by a connection: those that hold this member for
// removed have none with it.
type removalWords struct {
	mu    sync.Mutex
	by    map[member.ID]removalWord
	lines *repeats.Book[removalLine] // which of it the log had lately
}

// removalWord is what one peer says.
type removalWord struct {
	proof       member.Removed
	since, last time.Time // without a pause of more than half the patience
}

// say takes a peer's word; new is false if it is the one that it said last.
func (w *removalWords) say(peer member.ID, proof member.Removed, now time.Time, patience time.Duration) (new bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by == nil {
		w.by = map[member.ID]removalWord{}
	}
	word, said := w.by[peer]
	if !said && len(w.by) >= mostRemovalWords {
		clear(w.by) // those of members come again
	}
	fresh := !said || word.proof != proof
	if fresh || now.Sub(word.last) > patience/2 {
		word = removalWord{proof: proof, since: now}
	}
	word.last = now
	w.by[peer] = word
	return fresh
}

// withdraw forgets what a peer has said.
func (w *removalWords) withdraw(peer member.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.by, peer)
}

// confirmed tells whether more than half of the other voters say the same. A
// member that knows of no voter has none to ask; the only voter knows by itself. Of
// two voters neither commits what the other one has not stored: beyond last, the
// end of the log here, the other one's word proves nothing.
func (w *removalWords) confirmed(self member.ID, registry *member.Registry, proof member.Removed, last uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	others, say, voters := 0, 0, registry.Voters()
	for _, id := range voters {
		if member.ID(id) == self {
			continue
		}
		others++
		if w.by[member.ID(id)].proof == proof {
			say++
		}
	}
	if len(voters) == 2 && others == 1 && proof.Index > last {
		return false
	}
	return len(voters) == 0 || 2*say > others
}

// outlast tells whether the word of fewer than most is enough, since no other voter
// is left: of the other voters, more say the same, and have said so for as long as
// the patience lasts, than can be reached and do not say so. It is for a member
// that was away while it was removed and while others were replaced. Most of those
// that it knows are gone then, and it knows none of the new ones.
//
// Nothing tells a member that is cut off from all honest peers from one that was
// removed. The position in the proof is beyond its log, and a list of members that one
// peer shows is the word of one peer again. So what a false word can do is bounded
// instead: it ends no member that leads, hears a leader, or hears a majority, however
// seldom; it must be said all along; and any honest voter that can be reached
// outweighs the word of one. It can end a member without which the others have gone on
// for all that time, or could not go on with it.
func (w *removalWords) outlast(self member.ID, registry *member.Registry, proof member.Removed,
	reached func(member.ID) bool, now time.Time, patience time.Duration,
) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	say, silent := 0, 0
	for _, voter := range registry.Voters() {
		id := member.ID(voter)
		word := w.by[id]
		switch {
		case id == self:
		case word.proof == proof && now.Sub(word.since) >= patience && now.Sub(word.last) <= patience/2:
			say++
		case reached(id):
			silent++
		}
	}
	return say > silent
}

// toldRemoved takes a peer's word that this member was removed. It counts only
// with the position of the removal, which must be beyond what is applied here,
// or be the one that was applied here: up to there this node knows better. And
// it must be the word of most others: a removal is decided by a
// majority, while one alone may be wrong, or another program under its address.
func (h *Host) toldRemoved(e *transport.Event) {
	if own := h.removal.Load(); own != nil && own.Index == e.Index && own.Term == e.Term {
		h.removed(e.Index, e.Term)
		return
	}
	peer, proof := member.ID(e.Peer), member.Removed{ID: h.cfg.self(), Index: e.Index, Term: e.Term}
	if peer == 0 || peer == h.cfg.self() {
		return
	}
	registry := h.identity.known()
	if _, known := registry.Member(peer); !known && len(registry.Members()) > 0 {
		return // of no member: neither counted nor remembered
	}
	fresh := h.removals.say(peer, proof, time.Now(), h.lonelyPatience())
	st := h.server.Status()
	switch {
	case e.Index == 0 || e.Term == 0:
		h.warnRemoval(fresh, "a peer says without proof that this member was removed", e)
	case e.Index <= max(st.Applied, st.SnapshotIndex):
		h.warnRemoval(fresh, "a peer says that this member was removed by a change that is applied here and says otherwise", e)
	case h.removals.confirmed(h.cfg.self(), registry, proof, st.LastIndex):
		h.removed(e.Index, e.Term)
	case h.isLonely() && h.removals.outlast(h.cfg.self(), registry, proof, h.reaches, time.Now(), h.lonelyPatience()):
		h.fail(fmt.Errorf("%w by the change at index %d, term %d: for %v it has heard neither a leader nor a majority, "+
			"and the voters that it can reach say so; if they are wrong, start it again",
			ErrRemoved, e.Index, e.Term, h.lonelyPatience()))
	default:
		h.warnRemoval(fresh, "a peer says that this member was removed: that is believed when most of the other voters say so, "+
			"or when no other voter is heard for long", e)
	}
}

func (h *Host) lonelyPatience() time.Duration { return lonelyElections * h.cfg.Election }

// isLonely tells whether this member has been without company for long: it has
// neither led nor heard a leader, nor heard a majority.
func (h *Host) isLonely() bool {
	g := h.current()
	return g != nil && time.Duration(g.node.State().LonelyTicks)*h.cfg.Tick >= h.lonelyPatience()
}

// reaches tells whether there is a connection with a peer.
func (h *Host) reaches(id member.ID) bool { return h.courier.Connected(id) }

// warnRemoval says so once: a peer says it each time that it is called.
func (h *Host) warnRemoval(fresh bool, text string, e *transport.Event) {
	if !fresh {
		return
	}
	if silent, due := h.removals.line(removalLine{member.ID(e.Peer), text}, time.Now()); due {
		h.logger.Warn(text, "peer", member.ID(e.Peer), "index", e.Index, "detail", e.Detail, "more_since_last_line", silent)
	}
}

// removalLine is a line of the log about the word of one peer.
type removalLine struct {
	peer member.ID
	text string
}

// line tells whether the log is to have a line, and how often it had none since the last one.
func (w *removalWords) line(l removalLine, now time.Time) (silent int, due bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lines == nil {
		w.lines = repeats.New[removalLine](repeats.Rule{Pause: removalAgain, Most: mostRemovalWords, Forgets: true})
	}
	return w.lines.Note(l, now)
}

// removed ends the host: it is no longer a member.
func (h *Host) removed(index, term uint64) {
	h.fail(fmt.Errorf("%w by the change at index %d, term %d", ErrRemoved, index, term))
}
