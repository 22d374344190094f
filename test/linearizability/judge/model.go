package judge

import (
	"github.com/anishathalye/porcupine"

	"github.com/pontoon-raft/pontoon/test/linearizability/history"
)

// register is one key: its value names the write that was the last one, and empty
// is that there was none. Revisions only ever make the search shorter: of two
// writes whose revisions are known the lower one is first.
type register struct {
	value    string
	revision uint64 // 0 if it is not known, or there is no value
}

// An input is an operation with what is known of its revision by all answers.
type input struct {
	*history.Operation
	revision uint64
	found    bool // it is a write, and some answer has its value
}

func model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return register{} },
		Step: func(state, in, _ any) (bool, any) {
			return in.(input).step(state.(register))
		},
		DescribeOperation: func(in, _ any) string { return tell(in.(input).Operation) },
		DescribeState:     func(state any) string { return state.(register).value },
	}
}

// step applies an operation to a register, if its answer allows that.
func (i input) step(r register) (allowed bool, after register) {
	switch {
	case i.Kind == history.Read:
		return i.Found.Value == r.value, r
	case i.Kind == history.Put:
		return i.follows(r), register{i.Value, i.revision}
	case i.Refused:
		return r.value == i.Found.Value && r.value != i.Expected.Value, r
	case i.Expected.Value == r.value:
		return i.follows(r), register{i.Value, i.revision}
	case i.Outcome == history.Applied && !i.Lost: // it says that it took place
		return false, r
	default: // a compare-and-set without an answer found another value, if no read found its own
		return !i.found, r
	}
}

// follows reports whether the write may come after the one that the register has.
func (i input) follows(r register) bool {
	return r.revision == 0 || i.revision == 0 || r.revision < i.revision
}
