package wal

import (
	"fmt"
	"math/rand/v2"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// runRandom opens the store, does so many random steps, each sound in the state
// it meets, and closes it.
func (w *workload) runRandom(seed uint64, steps int) error {
	if err := w.open(); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(seed, 11))
	for i := range steps {
		if err := w.randomStep(r); err != nil {
			return fmt.Errorf("step %d of seed %d: %w", i, seed, err)
		}
	}
	return w.close()
}

func (w *workload) randomStep(r *rand.Rand) error {
	// between draws from (low, high].
	between := func(low, high uint64) uint64 { return low + 1 + r.Uint64N(high-low) }
	low, last, newest := max(w.im.hard.Commit, w.im.base.Index), w.im.last(), w.newestSnapshot()
	term := max(w.im.hard.Term, 1)
	switch kind := r.IntN(21); {
	case kind == 0:
		return w.reopen()
	case kind == 1:
		return w.append(true, storage.Batch{HardState: storage.HardState{Term: term + 1, Vote: r.Uint64N(4), Commit: w.im.hard.Commit}})
	case kind <= 3 && last > low: // another leader's entries
		return w.append(true, w.batch(between(low, last), between(0, 3), term+1, r.IntN(900)))
	case kind <= 6 && last > low:
		return w.commit(between(low, last), kind == 4)
	case kind <= 8 && low > max(newest, w.im.base.Index):
		return w.save(between(max(newest, w.im.base.Index), low))
	case kind <= 11 && newest > w.im.base.Index:
		return w.compact(between(w.im.base.Index, newest))
	case kind == 20:
		return w.overrule()
	case kind == 12:
		return w.install(max(last, newest)+between(0, 20), term+1)
	case kind == 13: // a group of batches
		return w.append(true, w.batch(last+1, 2, term, r.IntN(500)), w.batch(last+2, 3, term+1, r.IntN(500)),
			w.batch(last+5, 1, term+1, r.IntN(4000)))
	}
	return w.append(true, w.batch(last+1, between(0, 4), term, r.IntN(2500)))
}

func (w *workload) newestSnapshot() uint64 {
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	newest := uint64(0)
	for index := range w.h.snapshots {
		newest = max(newest, index)
	}
	return newest
}
