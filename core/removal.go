package core

import (
	"fmt"
	"sync"

	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// removalWords are what peers have said of this member's removal, each its last
// word.
type removalWords struct {
	mu sync.Mutex
	by map[member.ID]member.Removed
}

// say takes a peer's word; new is false if it is the one that it said last.
func (w *removalWords) say(peer member.ID, proof member.Removed) (new bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by == nil {
		w.by = map[member.ID]member.Removed{}
	}
	before, said := w.by[peer]
	w.by[peer] = proof
	return !said || before != proof
}

// confirmed tells whether more than half of the other voters say the same. A
// member that knows of no voter has none to ask; the only voter knows by itself.
func (w *removalWords) confirmed(self member.ID, registry *member.Registry, proof member.Removed) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	others, say, voters := 0, 0, registry.Voters()
	for _, id := range voters {
		if member.ID(id) == self {
			continue
		}
		others++
		if w.by[member.ID(id)] == proof {
			say++
		}
	}
	return len(voters) == 0 || 2*say > others
}

// toldRemoved takes a peer's word that this member was removed. It counts only
// with the position of the removal, which must be beyond what is applied here,
// or be the one that was applied here: up to there this node knows better. And
// it must be the word of most others: a removal is decided by a
// majority, while one alone may be wrong, or somebody else under its address.
func (h *Host) toldRemoved(e *transport.Event) {
	if own := h.removal.Load(); own != nil && own.Index == e.Index && own.Term == e.Term {
		h.removed(e.Index, e.Term)
		return
	}
	peer, proof := member.ID(e.Peer), member.Removed{ID: h.cfg.ID, Index: e.Index, Term: e.Term}
	if peer == 0 || peer == h.cfg.ID {
		return
	}
	registry := h.identity.known()
	if _, known := registry.Member(peer); !known && len(registry.Members()) > 0 {
		return // of no member: neither counted nor remembered
	}
	fresh := h.removals.say(peer, proof)
	st := h.server.Status()
	switch {
	case e.Index == 0 || e.Term == 0:
		h.warnRemoval(fresh, "a peer says without proof that this member was removed", e)
	case e.Index <= max(st.Applied, st.SnapshotIndex):
		h.warnRemoval(fresh, "a peer says that this member was removed by a change that is applied here and says otherwise", e)
	case !h.removals.confirmed(h.cfg.ID, registry, proof):
		h.warnRemoval(fresh, "a peer says that this member was removed: that is believed when most of the other voters say so", e)
	default:
		h.removed(e.Index, e.Term)
	}
}

// warnRemoval says so once: a peer says it each time that it is called.
func (h *Host) warnRemoval(fresh bool, text string, e *transport.Event) {
	if fresh {
		h.logger.Warn(text, "peer", member.ID(e.Peer), "index", e.Index, "detail", e.Detail)
	}
}

// removed ends the host: it is no longer a member.
func (h *Host) removed(index, term uint64) {
	h.fail(fmt.Errorf("%w by the change at index %d, term %d", ErrRemoved, index, term))
}
