package judge

import (
	"cmp"
	"slices"
	"sort"

	"github.com/pontoon-raft/pontoon/test/linearizability/history"
)

// checkFreshness compares each read with the writes of its key up to the applied
// index that the answer names: the read has the newest of them, or a newer one.
func (w *writes) checkFreshness(v *Verdict) {
	byKey := map[string][]*history.Operation{}
	for _, o := range w.effective() {
		byKey[o.Key] = append(byKey[o.Key], o)
	}
	for i := range w.operations {
		o := &w.operations[i]
		if o.Kind != history.Read || o.Outcome != history.Applied {
			continue
		}
		list := byKey[o.Key]
		n := sort.Search(len(list), func(i int) bool { return list[i].Index > o.Index })
		if n == 0 {
			continue
		}
		newest := list[n-1]
		if w.revisions[newest.Value] > o.Found.Revision {
			v.add(Fresh, o.Key, "the answer names applied index %d, and lacks index %d: it has %q of revision %d: %s; %s",
				o.Index, newest.Index, o.Found.Value, o.Found.Revision, tell(o), tell(newest))
		}
	}
}

// checkIndexes compares the applied index that each linearizable read names with the
// writes, to any key, that were acknowledged before the read began. It finds a read
// that was not linearizable though its key was not written meanwhile.
func (w *writes) checkIndexes(v *Verdict) {
	list := w.acknowledged()
	slices.SortFunc(list, func(a, b *history.Operation) int { return cmp.Compare(a.Ended, b.Ended) })
	highest := make([]*history.Operation, len(list)) // of the writes up to each
	for i, o := range list {
		if highest[i] = o; i > 0 && highest[i-1].Index > o.Index {
			highest[i] = highest[i-1]
		}
	}
	for i := range w.operations {
		o := &w.operations[i]
		if o.Kind != history.Read || o.Stale || o.Outcome != history.Applied {
			continue
		}
		n := sort.Search(len(list), func(i int) bool { return list[i].Ended >= o.Began })
		if n > 0 && highest[n-1].Index > o.Index {
			v.add(Fresh, o.Key, "a linearizable read names applied index %d, and index %d was acknowledged before it began: %s; %s",
				o.Index, highest[n-1].Index, tell(o), tell(highest[n-1]))
		}
	}
}
