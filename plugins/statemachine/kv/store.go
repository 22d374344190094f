package kv

import (
	"bytes"

	"github.com/google/btree"
)

// degree of the tree. 16 to 128 measure alike; nodes of 64 are copied quickly
// when a snapshot has frozen them.
const degree = 32

// slot is a key's place in the tree. The key stands beside the pointer because
// a walk compares a dozen keys: without that, each comparison is one more cache
// miss (measured: a quarter of the time of a put).
type slot struct {
	key []byte
	rec *record
}

// record is a key's value and history. It is immutable once the apply that
// made it has given up the lock: snapshots and queries keep pointers to it.
type record struct {
	value                   []byte
	create, modify, version uint64
}

func before(a, b slot) bool { return bytes.Compare(a.key, b.key) < 0 }

// store is the replicated state. Methods that change it need exclusive access;
// the others may run concurrently with each other. Two stores that clone has
// parted are independent.
type store struct {
	keys     *btree.BTreeG[slot]
	revision uint64
	// applied is the last index whose effect the state has.
	applied uint64
}

func newStore() store { return store{keys: btree.NewG(degree, before)} }

// clone returns the present state in constant time. It needs exclusive access.
func (s *store) clone() store {
	return store{keys: s.keys.Clone(), revision: s.revision, applied: s.applied}
}

// get returns nil if there is no such key.
func (s *store) get(key []byte) *record {
	found, _ := s.keys.Get(slot{key: key})
	return found.rec
}

// put sets a key, at the next revision. It keeps both slices.
func (s *store) put(key, value []byte) {
	s.revision++
	rec := &record{value: value, create: s.revision, modify: s.revision, version: 1}
	// The history is filled in after the insertion: one walk instead of two.
	if old, had := s.keys.ReplaceOrInsert(slot{key, rec}); had {
		rec.create, rec.version = old.rec.create, old.rec.version+1
	}
}

// remove deletes one key and returns how many that were.
func (s *store) remove(key []byte) uint64 {
	if _, had := s.keys.Delete(slot{key: key}); !had {
		return 0
	}
	s.revision++
	return 1
}

// removeRange deletes the keys in [from, end), at one revision, and returns how
// many that were.
func (s *store) removeRange(from, end []byte) uint64 {
	var doomed []slot
	s.keys.AscendRange(slot{key: from}, slot{key: end}, func(at slot) bool {
		doomed = append(doomed, at)
		return true
	})
	if len(doomed) == 0 {
		return 0
	}
	for _, at := range doomed {
		s.keys.Delete(at)
	}
	s.revision++
	return uint64(len(doomed))
}

// ascend calls visit for the keys from from on and before end, in order, until
// visit returns false. An empty end is the end of the store.
func (s *store) ascend(from, end []byte, visit func(slot) bool) {
	if len(end) == 0 {
		s.keys.AscendGreaterOrEqual(slot{key: from}, visit)
		return
	}
	s.keys.AscendRange(slot{key: from}, slot{key: end}, visit)
}
