package storagetest

import (
	"fmt"
	"math/rand/v2"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// RunRandom opens the store, does so many random steps, each sound in the state
// it meets, and closes it.
func (w *CrashWorkload) RunRandom(seed uint64, steps int) error {
	if err := w.Open(); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(seed, 11))
	for i := range steps {
		if err := w.randomStep(r); err != nil {
			return fmt.Errorf("step %d of seed %d: %w", i, seed, err)
		}
	}
	return w.Close()
}

func (w *CrashWorkload) randomStep(r *rand.Rand) error {
	// between draws from (low, high].
	between := func(low, high uint64) uint64 { return low + 1 + r.Uint64N(high-low) }
	base := w.Log.Base.Index
	low, last, newest := max(w.Log.Hard.Commit, base), w.Log.Last(), w.History.Newest()
	term := max(w.Log.Hard.Term, 1)
	switch kind := r.IntN(21); {
	case kind == 0:
		return w.Reopen()
	case kind == 1:
		return w.Append(true, storage.Batch{HardState: storage.HardState{Term: term + 1, Vote: r.Uint64N(4), Commit: w.Log.Hard.Commit}})
	case kind <= 3 && last > low: // another leader's entries
		return w.Append(true, w.Batch(between(low, last), between(0, 3), term+1, r.IntN(900)))
	case kind <= 6 && last > low:
		return w.Commit(between(low, last), kind == 4)
	case kind <= 8 && low > max(newest, base):
		return w.Save(between(max(newest, base), low))
	case kind <= 11 && newest > base:
		return w.Compact(between(base, newest))
	case kind == 20:
		return w.Overrule()
	case kind == 12:
		return w.Install(max(last, newest)+between(0, 20), term+1)
	case kind == 13: // a group of batches
		return w.Append(true, w.Batch(last+1, 2, term, r.IntN(500)), w.Batch(last+2, 3, term+1, r.IntN(500)),
			w.Batch(last+5, 1, term+1, r.IntN(4000)))
	}
	return w.Append(true, w.Batch(last+1, between(0, 4), term, r.IntN(2500)))
}
