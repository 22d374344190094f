package statemachinerpc

import (
	"fmt"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// entryOverhead is at least what an entry takes on the wire beside its data.
const entryOverhead = 24

// resultOverhead is at most what a result takes on the wire beside its own
// size, of which there are two fields.
const resultOverhead = 8

// checkBatch refuses, at either end, a batch that breaks the contract.
func checkBatch(b statemachine.Batch, limits plugins.Limits) error {
	if n := len(b.Entries); n > plugins.MaxBatchEntries {
		return fmt.Errorf("batch of %d entries, at most %d: %w", n, plugins.MaxBatchEntries, plugins.ErrLimit)
	}
	total, last, time := uint64(0), uint64(0), uint64(0)
	for i := range b.Entries {
		e := &b.Entries[i]
		n := uint64(len(e.Data))
		switch {
		case e.Index <= last:
			return fmt.Errorf("entry %d after entry %d: %w", e.Index, last, plugins.ErrInvalidArgument)
		case e.Time < time:
			return fmt.Errorf("entry %d at time %d after time %d: %w", e.Index, e.Time, time, plugins.ErrInvalidArgument)
		case n > limits.MaxEntryBytes:
			return fmt.Errorf("entry %d has %d bytes, at most %d: %w", e.Index, n, limits.MaxEntryBytes, plugins.ErrLimit)
		}
		last, time = e.Index, e.Time
		total += n + entryOverhead
	}
	if b.Through < last {
		return fmt.Errorf("batch through %d has entry %d: %w", b.Through, last, plugins.ErrInvalidArgument)
	}
	if most := uint64(limits.MaxMessageBytes() - 1<<10); total > most {
		return fmt.Errorf("batch of %d entries has %d bytes, at most %d: %w", len(b.Entries), total, most, plugins.ErrLimit)
	}
	return nil
}

// checkPart holds a part of an answer against what was submitted: before of its
// results have come.
func (e expected) checkPart(res *pluginv1.ApplyResponse, before int) error {
	n := len(res.Results)
	switch {
	case res.Seq != e.seq:
		return pluginrpc.Breach("SM-6", "answer %d to batch %d", res.Seq, e.seq)
	case before+n > e.results:
		return pluginrpc.Breach("SM-7", "%d results and %d more for %d entries", before, n, e.results)
	case res.More && n == 0:
		return pluginrpc.Breach("SM-14", "a part without results, after %d of %d", before, e.results)
	case res.More && res.Snapshot != 0:
		return pluginrpc.Breach("SM-14", "snapshot %d in a part that is not the last", res.Snapshot)
	}
	return nil
}

// check holds a whole answer against what was submitted.
func (e expected) check(res *pluginv1.ApplyResponse) error {
	switch {
	case len(res.Results) != e.results:
		return pluginrpc.Breach("SM-7", "%d results for %d entries", len(res.Results), e.results)
	case !e.appliedFits(res.AppliedIndex):
		return pluginrpc.Breach("SM-9", "applied index %d after a batch through %d", res.AppliedIndex, e.through)
	case e.prepare != (res.Snapshot != 0):
		return pluginrpc.Breach("SM-30", "snapshot %d, asked for one: %t", res.Snapshot, e.prepare)
	case e.hash && len(res.Hash) == 0:
		return pluginrpc.Breach("SM-47", "no hash of the state, though one was asked for")
	case len(res.Hash) > plugins.MaxStateHashBytes:
		return pluginrpc.Breach("SM-47", "hash of %d bytes, at most %d", len(res.Hash), plugins.MaxStateHashBytes)
	}
	return e.checkSkipped(res.Results)
}

// appliedFits: the batch moved the applied index to its end, or, in a replay,
// left it where it was beyond that.
func (e expected) appliedFits(applied uint64) bool {
	return applied == e.through || applied >= e.floor && applied <= e.ceiling && applied > e.through
}

// checkSkipped: an entry is skipped if and only if its effect is there. One
// that is applied twice, or never, would make replicas differ.
func (e expected) checkSkipped(results []pluginv1.ApplyResult) error {
	for i := range results {
		skipped := results[i].Skipped
		switch {
		case skipped && i >= e.maySkip:
			return pluginrpc.Breach("SM-8", "entry %d of %d was skipped, the first %d may be", i+1, len(results), e.maySkip)
		case !skipped && i < e.mustSkip:
			return pluginrpc.Breach("SM-8", "entry %d of %d was applied twice", i+1, len(results))
		case skipped && i > 0 && !results[i-1].Skipped:
			return pluginrpc.Breach("SM-8", "entry %d of %d was skipped after one that was not", i+1, len(results))
		}
	}
	return nil
}
