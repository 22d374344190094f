package wal

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// image is what a log must contain at some moment.
type image struct {
	hard    storage.HardState
	base    storage.TermBoundary
	entries []storage.Entry
}

func (im image) last() uint64 { return im.base.Index + uint64(len(im.entries)) }

func (im image) term(index uint64) uint64 {
	if index == im.base.Index {
		return im.base.Term
	}
	return im.entries[index-im.base.Index-1].Term
}

// terms are the boundaries that Open must answer.
func (im image) terms() []storage.TermBoundary {
	terms := []storage.TermBoundary{im.base}
	for _, e := range im.entries {
		if e.Term != terms[len(terms)-1].Term {
			terms = append(terms, storage.TermBoundary{Index: e.Index, Term: e.Term})
		}
	}
	return terms
}

func (im image) with(b storage.Batch) image {
	if len(b.Entries) > 0 {
		keep := b.Entries[0].Index - im.base.Index - 1
		im.entries = append(im.entries[:keep:keep], b.Entries...)
	}
	if b.HardState != (storage.HardState{}) {
		im.hard = b.HardState
	}
	return im
}

func (im image) compacted(index uint64) image {
	term := im.entries[index-im.base.Index-1].Term
	im.entries = im.entries[index-im.base.Index:]
	im.base = storage.TermBoundary{Index: index, Term: term}
	return im
}

// String is equal for equal logs, and what a failed test shows.
func (im image) String() string {
	im.hard.Commit = max(im.hard.Commit, im.base.Index)
	var b strings.Builder
	fmt.Fprintf(&b, "term %d vote %d commit %d, behind %d/%d:", im.hard.Term, im.hard.Vote, im.hard.Commit, im.base.Index, im.base.Term)
	for _, e := range im.entries {
		fmt.Fprintf(&b, " %d/%d:%x", e.Index, e.Term, checksum(e.Data))
	}
	return b.String()
}

// history is what a workload has asked for and what was acknowledged.
type history struct {
	mu sync.Mutex
	// states are the logs after each step; a crash may leave any from acked
	// on.
	states []string
	acked  int
	// snapshots by index: true once acknowledged. Only the newest two
	// acknowledged ones must be there.
	snapshots map[uint64]bool
	// store is the id that the first Open answered; 0 before.
	store uint64
}

// promise is what no crash may take away.
type promise struct {
	acked     int      // of history.states
	snapshots []uint64 // their indexes
	store     uint64   // the store's id; 0 if no Open has answered one yet
}

func (h *history) intend(im image) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.states = append(h.states, im.String())
}

// ack says that all that was intended is durable.
func (h *history) ack() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acked = len(h.states) - 1
}

func (h *history) snapshot(index uint64, acked bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.snapshots[index] = acked
}

// opened notes the id that an Open answered: it is the same for ever.
func (h *history) opened(store uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.store != 0 && h.store != store {
		return fmt.Errorf("the store was %x and is %x", h.store, store)
	}
	h.store = store
	return nil
}

// promised returns what must be there now, whatever happens.
func (h *history) promised() promise {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := promise{acked: h.acked, store: h.store}
	var done []uint64
	inFlight := 0
	for index, acked := range h.snapshots {
		if !acked {
			inFlight++
			continue
		}
		done = append(done, index)
	}
	slices.Sort(done)
	slices.Reverse(done)
	keep := 2 // the newest two, but one may be about to go for another
	if inFlight > 0 {
		keep = 1
	}
	p.snapshots = done[:min(keep, len(done))]
	return p
}

func (h *history) possible(acked int, state string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.states[acked:], state)
}
