package judge

import (
	"maps"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/pontoon-raft/pontoon/test/linearizability/history"
)

// patience bounds the search for an order of one key's operations. It grows
// exponentially only where many writes of unknown outcome were seen later.
const patience = time.Minute

// byKey are the operations of each key that need an order. A write without an answer
// whose value was never seen is left out: at the end of everything it
// contradicts nothing.
func (w *writes) byKey() map[string][]porcupine.Operation {
	keys := map[string][]porcupine.Operation{}
	for i := range w.operations {
		o := &w.operations[i]
		if !w.needsOrder(o) {
			continue
		}
		keys[o.Key] = append(keys[o.Key], porcupine.Operation{
			ClientId: o.Client, Input: input{o, w.revisions[o.Value], w.wasFound(o)}, Call: o.Began, Return: w.end(o),
		})
	}
	return keys
}

// wasFound tells whether o is a write and an operation has found its value.
func (w *writes) wasFound(o *history.Operation) bool {
	_, found := w.foundBy[o.Value]
	return found && o.Writes()
}

// end is the moment by which an operation has had its effect. Of a write that is when
// any read, a stale one too, had found it: an entry that a member has applied is
// committed.
func (w *writes) end(o *history.Operation) int64 {
	if w.wasFound(o) {
		return max(min(o.End(), w.foundBy[o.Value]), o.Began)
	}
	return o.End()
}

func (w *writes) needsOrder(o *history.Operation) bool {
	switch o.Outcome {
	case history.Applied:
		return !o.Stale
	case history.Unknown:
		return w.wasFound(o)
	default:
		return false
	}
}

// checkKeys searches an order of each key's operations.
func checkKeys(keys map[string][]porcupine.Operation, v *Verdict) {
	v.Keys = len(keys)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		operations := keys[key]
		v.Checked += len(operations)
		switch porcupine.CheckOperationsTimeout(model(), operations, patience) {
		case porcupine.Illegal:
			_, info := porcupine.CheckOperationsVerbose(model(), operations, patience)
			v.add(Linearizable, key, "no order explains the answers; %s", farthest(operations, info))
		case porcupine.Unknown:
			v.add(Undecided, key, "no order of %d operations was found within %v", len(operations), patience)
		}
	}
}

// farthest says how far an order was found, and what does not fit after it.
func farthest(operations []porcupine.Operation, info porcupine.LinearizationInfo) string {
	var longest []porcupine.Operation
	for _, partition := range info.PartialLinearizationsOperations() {
		for _, partial := range partition {
			if len(partial) > len(longest) {
				longest = partial
			}
		}
	}
	placed := map[*history.Operation]bool{}
	for _, o := range longest {
		placed[o.Input.(input).Operation] = true
	}
	text := "an order of all of them was looked for in vain"
	if len(longest) > 0 {
		text = "the farthest order ends with " + tell(longest[len(longest)-1].Input.(input).Operation)
	}
	if next := firstEnd(operations, placed); next != nil {
		text += "; then does not fit: " + tell(next) + ", which found \"" + next.Found.Value + "\""
	}
	return text
}

// firstEnd is the operation that ends first of those that have no place.
func firstEnd(operations []porcupine.Operation, placed map[*history.Operation]bool) *history.Operation {
	var first *history.Operation
	for _, o := range operations {
		if op := o.Input.(input).Operation; !placed[op] && (first == nil || op.End() < first.End()) {
			first = op
		}
	}
	return first
}
