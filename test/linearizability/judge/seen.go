package judge

import (
	"cmp"
	"slices"

	"github.com/pontoon-raft/pontoon/test/linearizability/history"
)

// writes are the writes of a history by their values, and what was seen of each.
type writes struct {
	operations []history.Operation
	byValue    map[string]*history.Operation
	// foundBy are the values that operations have found, and when the first operation
	// that found each had ended. revisions are those under which values were found or
	// acknowledged.
	foundBy   map[string]int64
	revisions map[string]uint64
	owners    map[uint64]string // the value of each revision
}

func collect(operations []history.Operation, v *Verdict) *writes {
	w := &writes{
		operations: operations, byValue: map[string]*history.Operation{}, foundBy: map[string]int64{},
		revisions: map[string]uint64{}, owners: map[uint64]string{},
	}
	for i := range operations {
		o := &operations[i]
		if !o.Writes() {
			continue
		}
		if other := w.byValue[o.Value]; other != nil {
			v.add(Known, o.Key, "the history is of no use: %s is written twice: %s; %s", o.Value, tell(other), tell(o))
		}
		w.byValue[o.Value] = o
	}
	return w
}

// checkSeen goes through everything that was found under a key or acknowledged.
func (w *writes) checkSeen(v *Verdict) {
	for i := range w.operations {
		o := &w.operations[i]
		switch {
		case o.Observes():
			w.see(o, v)
		case o.Writes() && o.Outcome == history.Applied && !o.Lost:
			w.bind(o.Key, o.Value, o.Revision, v)
		}
	}
}

func (w *writes) see(o *history.Operation, v *Verdict) {
	found := o.Found
	if found == (history.Version{}) {
		return
	}
	written := w.byValue[found.Value]
	switch {
	case written == nil:
		v.add(Known, o.Key, "%q was never written: %s", found.Value, tell(o))
		return
	case written.Key != o.Key:
		v.add(Known, o.Key, "%q was written to %s: %s; %s", found.Value, written.Key, tell(written), tell(o))
	case o.Ended < written.Began:
		v.add(Known, o.Key, "%q was seen before it was written: %s; %s", found.Value, tell(o), tell(written))
	case written.Outcome == history.NotApplied:
		v.add(WithoutEffect, o.Key, "%s (%s), and it was seen: %s", tell(written), written.Reason, tell(o))
	case written.Refused:
		v.add(WithoutEffect, o.Key, "%s, but refused, and it was seen: %s", tell(written), tell(o))
	}
	if at, known := w.foundBy[found.Value]; !known || o.Ended < at {
		w.foundBy[found.Value] = o.Ended
	}
	w.bind(o.Key, found.Value, found.Revision, v)
}

// bind notes the revision of a value.
func (w *writes) bind(key, value string, revision uint64, v *Verdict) {
	if before, known := w.revisions[value]; known && before != revision {
		v.add(Unique, key, "%q has the revisions %d and %d", value, before, revision)
	}
	if owner, known := w.owners[revision]; known && owner != value {
		v.add(Unique, key, "revision %d is that of %q and of %q", revision, owner, value)
	}
	w.revisions[value], w.owners[revision] = revision, value
}

// effective are the writes that took effect and whose place in the log is known, in
// the order of the log.
func (w *writes) effective() []*history.Operation {
	var list []*history.Operation
	for i := range w.operations {
		o := &w.operations[i]
		if o.Writes() && o.Outcome == history.Applied && !o.Refused && w.revisions[o.Value] != 0 {
			list = append(list, o)
		}
	}
	slices.SortFunc(list, func(a, b *history.Operation) int { return cmp.Compare(a.Index, b.Index) })
	return list
}

// checkOrder compares the order of the log with that of the revisions.
func (w *writes) checkOrder(v *Verdict) {
	list := w.effective()
	for i := 1; i < len(list); i++ {
		a, b := list[i-1], list[i]
		if w.revisions[a.Value] >= w.revisions[b.Value] || a.Index == b.Index {
			v.add(Ordered, b.Key, "index %d has revision %d, and index %d has revision %d: %s; %s",
				a.Index, w.revisions[a.Value], b.Index, w.revisions[b.Value], tell(a), tell(b))
		}
	}
}

// acknowledged are the writes that were answered with a place in the log, also those
// whose result was lost and those that were refused, which have a place too.
func (w *writes) acknowledged() []*history.Operation {
	var list []*history.Operation
	for i := range w.operations {
		if o := &w.operations[i]; o.Writes() && o.Outcome == history.Applied && o.Index != 0 {
			list = append(list, o)
		}
	}
	return list
}

// checkPlaces compares the order of the log with that of time: a write that had ended
// has its place before those of all writes, to any key, that began after that.
func (w *writes) checkPlaces(v *Verdict) {
	list := w.acknowledged()
	slices.SortFunc(list, func(a, b *history.Operation) int { return cmp.Compare(a.Index, b.Index) })
	var last *history.Operation // to begin, of those before
	for _, o := range list {
		if last != nil && o.Ended < last.Began {
			v.add(Ordered, o.Key, "index %d was answered before the write at index %d began: %s; %s", o.Index, last.Index, tell(o), tell(last))
		}
		if last == nil || o.Began > last.Began {
			last = o
		}
	}
}
