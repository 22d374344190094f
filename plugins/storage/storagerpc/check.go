package storagerpc

import (
	"crypto/sha256"
	"math"

	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/logstate"
)

// maxSnapshots is far more than a backend keeps.
const maxSnapshots = 64

// checkState holds an Open's answer against the contract.
func checkState(s storage.State) error {
	switch {
	case s.StoreID == 0:
		return pluginrpc.Breach("ST-3", "the store has no id")
	case s.FirstIndex == 0 || s.LastIndex < s.FirstIndex-1 || s.LastIndex == math.MaxUint64:
		return pluginrpc.Breach("ST-4", "log [%d,%d]", s.FirstIndex, s.LastIndex)
	case s.HardState.Commit > s.LastIndex:
		return pluginrpc.Breach("ST-5", "commit %d beyond last index %d", s.HardState.Commit, s.LastIndex)
	}
	if err := checkTerms(s); err != nil {
		return err
	}
	if err := checkSnapshots(s.Snapshots); err != nil {
		return err
	}
	for _, info := range s.Snapshots {
		m := &info.Metadata
		if m.Index > s.LastIndex {
			return pluginrpc.Breach("ST-7", "snapshot %d beyond last index %d", m.Index, s.LastIndex)
		}
		if term, ok := logstate.TermOf(s.Terms, m.Index); ok && term != m.Term {
			return pluginrpc.Breach("ST-7", "snapshot %d of term %d, its entry has term %d", m.Index, m.Term, term)
		}
	}
	return nil
}

// checkTerms holds the term boundaries against the log's range.
func checkTerms(s storage.State) error {
	before := s.FirstIndex - 1
	if len(s.Terms) == 0 {
		return pluginrpc.Breach("ST-6", "no term boundaries for log [%d,%d]", s.FirstIndex, s.LastIndex)
	}
	if b := s.Terms[0]; b.Index != before || (b.Term == 0) != (before == 0) {
		return pluginrpc.Breach("ST-6", "first term boundary is index %d term %d, first index is %d", b.Index, b.Term, s.FirstIndex)
	}
	for i := 1; i < len(s.Terms); i++ {
		a, b := s.Terms[i-1], s.Terms[i]
		if b.Index <= a.Index || b.Term <= a.Term {
			return pluginrpc.Breach("ST-6", "term boundary (index %d, term %d) after (%d, %d)", b.Index, b.Term, a.Index, a.Term)
		}
		if b.Index > s.LastIndex {
			return pluginrpc.Breach("ST-6", "term boundary at %d beyond last index %d", b.Index, s.LastIndex)
		}
	}
	if s.LastIndex > before && before == 0 && (len(s.Terms) == 1 || s.Terms[1].Index != 1) {
		return pluginrpc.Breach("ST-6", "no term for entry 1 of log [1,%d]", s.LastIndex)
	}
	return nil
}

// checkSnapshots holds a list of snapshots against the contract.
func checkSnapshots(infos []storage.SnapshotInfo) error {
	if len(infos) > maxSnapshots {
		return pluginrpc.Breach("ST-7", "%d snapshots, at most %d", len(infos), maxSnapshots)
	}
	var last storage.SnapshotMetadata
	for _, info := range infos {
		m := info.Metadata
		if err := checkInfo(info); err != nil {
			return err
		}
		if m.Index <= last.Index || m.Term < last.Term {
			return pluginrpc.Breach("ST-7", "snapshot (index %d, term %d) after (%d, %d)", m.Index, m.Term, last.Index, last.Term)
		}
		last = m
	}
	return nil
}

// checkInfo holds what is said of one snapshot against the contract. A plugin of before sums
// says none.
func checkInfo(info storage.SnapshotInfo) error {
	m := &info.Metadata
	if n := len(info.Sha256); n != 0 && n != sha256.Size {
		return pluginrpc.Breach("ST-39", "snapshot %d with a SHA-256 of %d bytes", m.Index, n)
	}
	if m.Index == 0 || m.Index == math.MaxUint64 || m.Term == 0 {
		return pluginrpc.Breach("ST-28", "snapshot of index %d, term %d", m.Index, m.Term)
	}
	return nil
}

// readCheck holds the entries of one Read against what was asked for.
type readCheck struct {
	lo, hi, maxBytes, maxEntry uint64

	count, bytes, term uint64
}

// add checks the next entries of the answer.
func (c *readCheck) add(entries []storage.Entry) error {
	for i := range entries {
		e := &entries[i]
		size := uint64(len(e.Data))
		switch want := c.lo + c.count; {
		case e.Index != want || e.Index >= c.hi:
			return pluginrpc.Breach("ST-20", "entry %d, expected %d of [%d,%d)", e.Index, want, c.lo, c.hi)
		case e.Term == 0 || e.Term < c.term:
			return pluginrpc.Breach("ST-20", "entry %d of term %d after term %d", e.Index, e.Term, c.term)
		case size > c.maxEntry:
			return pluginrpc.Breach("ST-20", "entry %d of %d bytes, at most %d", e.Index, size, c.maxEntry)
		case c.count > 0 && c.bytes+size > c.maxBytes:
			return pluginrpc.Breach("ST-21", "entries [%d,%d] of %d bytes, asked for %d", c.lo, e.Index, c.bytes+size, c.maxBytes)
		}
		c.count, c.bytes, c.term = c.count+1, c.bytes+size, e.Term
	}
	return nil
}

// end checks that there was an answer.
func (c *readCheck) end() error {
	if c.count == 0 && c.lo < c.hi {
		return pluginrpc.Breach("ST-21", "no entry of [%d,%d)", c.lo, c.hi)
	}
	return nil
}
