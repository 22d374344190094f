package judge

import (
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
