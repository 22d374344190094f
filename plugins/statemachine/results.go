package statemachine

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
)

// LimitResults holds the results of a batch, or of the next part of its answer, to
// the contract, in place: a result that is too long, or that comes when held bytes of
// results of the same batch are as many as a host keeps, is left out, and says so.
// Whether a result is too long depends on its size alone, so it is the same on every
// replica. LimitResults returns held with what was kept. Every Applier does this;
// authors need not.
func LimitResults(results []Result, held uint64) uint64 {
	for i := range results {
		r := &results[i]
		n := uint64(len(r.Data)) + uint64(len(r.Error))
		switch {
		case n > plugins.MaxResultBytes:
			*r = leftOut("its result has %d bytes, at most %d: it is left out", n, plugins.MaxResultBytes)
		case held+n > plugins.MaxHeldResultBytes:
			*r = leftOut("its result of %d bytes is left out: a batch has at most %d bytes of results", n, plugins.MaxHeldResultBytes)
		default:
			held += n
		}
	}
	return held
}

func leftOut(format string, args ...any) Result {
	return Result{LeftOut: true, Error: fmt.Sprintf("the entry was applied; "+format, args...)}
}

// DropResults keeps of each result only whether the entry was skipped. That is
// all that is left of the results of a Batch with NoResults.
func DropResults(results []Result) {
	for i := range results {
		results[i] = Result{Skipped: results[i].Skipped}
	}
}
