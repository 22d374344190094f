package kv

import (
	"bytes"
	"encoding/binary"

	"github.com/google/btree"
)

// degree of the tree. 16 to 128 measure alike; nodes of 64 are copied quickly
// when a snapshot has frozen them.
const degree = 32

// headBytes is how much of a key stands in its slot.
const headBytes = 16

// slot is a key's place in the tree. A walk compares some twenty keys, and each
// that it has to follow a pointer to is a cache miss. So the first bytes of the
// key stand in the slot itself, and all else in the record: slots are small, a node
// takes few lines of the cache and an insertion moves few bytes. Keys that agree in
// their first bytes are compared as a whole, after two misses each.
type slot struct {
	// high and low are the key's first headBytes, big-endian, filled up with
	// zeros: they never order two keys otherwise than the keys themselves do.
	high, low uint64
	rec       *record
}

// newSlot is the place of a record's key.
func newSlot(rec *record) slot {
	var head [headBytes]byte
	copy(head[:], rec.key)
	return slot{high: binary.BigEndian.Uint64(head[:]), low: binary.BigEndian.Uint64(head[headBytes/2:]), rec: rec}
}

// wanted is a slot to search for, with a record of its own.
func wanted(key []byte) slot { return newSlot(&record{key: key}) }

// joined is a copy of a key with one of its value after it, for a record.
func joined(key, value []byte) []byte {
	n := len(key) + len(value)
	both := append(append(make([]byte, 0, n), key...), value...)
	return both[:len(key):n]
}

// deadlineBytes is the room of a deadline, which stands between the key and the value of
// a key that expires: the others need none.
const deadlineBytes = 8

// joinedMortal is joined with the deadline between.
func joinedMortal(key, value []byte, expires uint64) []byte {
	n := len(key) + deadlineBytes + len(value)
	all := append(make([]byte, 0, n), key...)
	all = append(binary.BigEndian.AppendUint64(all, expires), value...)
	return all[:len(key):n]
}

// before is the order of the keys' bytes.
func before(a, b slot) bool {
	switch {
	case a.high != b.high:
		return a.high < b.high
	case a.low != b.low:
		return a.low < b.low
	}
	return bytes.Compare(a.rec.key, b.rec.key) < 0
}

// record is a key with its value, the revisions at which the key was created and last set,
// and how often it was set since it was created. It is immutable once the apply that made
// it has given up the lock: snapshots and queries keep pointers to it.
type record struct {
	create, modify, version uint64
	valueAt                 uint32 // where the value begins, from the start of the key
	mortal                  bool   // its deadline ends where the value begins
	sum                     uint64 // its part of the sum of its store; no snapshot and no query reads it
	// key's capacity ends with the value.
	key []byte
}

// expires is when the key expires; 0 if it does not.
func (r *record) expires() uint64 {
	if !r.mortal {
		return 0
	}
	return binary.BigEndian.Uint64(r.key[r.valueAt-deadlineBytes : r.valueAt])
}

// value is immutable, like the record.
func (r *record) value() []byte { return r.key[r.valueAt:cap(r.key)] }

// store is the replicated state. Methods that change it need exclusive access;
// the others may run concurrently with each other. Two stores that clone has
// parted are independent.
type store struct {
	keys     *btree.BTreeG[slot]
	revision uint64
	// sum is the sum of the records' hashes.
	sum uint64
	// reviewed is the key at which the next review of the records begins.
	reviewed []byte
	// applied is the last index whose effect the state has.
	applied uint64
	// deadlines has the keys that expire. A clone has none, and their number alone.
	deadlines *btree.BTreeG[deadline]
	mortals   int
	// history is what has led here, as far back as it is kept. A clone has none.
	history history
	// sought is the record of the key that remove searches for.
	sought record
}

func newStore(most reach) store {
	return store{keys: btree.NewG(degree, before), deadlines: btree.NewG(degree, sooner), history: history{most: most}}
}

// clone returns the present state in constant time. It needs exclusive access.
func (s *store) clone() store {
	return store{keys: s.keys.Clone(), revision: s.revision, sum: s.sum, applied: s.applied, mortals: s.mortals}
}

// get returns the record of a key; nil if there is no such key.
func (s *store) get(key []byte) *record {
	found, _ := s.keys.Get(wanted(key))
	return found.rec
}

// put sets a key that does not expire, at the next revision. It keeps the key and the
// value, which begins at valueAt from the start of the key and ends with its capacity.
func (s *store) put(key []byte, valueAt int) {
	s.insert(&record{key: key, valueAt: uint32(valueAt)})
}

// putMortal sets a key that expires, at the next revision. It keeps copies.
func (s *store) putMortal(key, value []byte, expires uint64) {
	key = joinedMortal(key, value, expires)
	rec := &record{key: key, valueAt: uint32(len(key) + deadlineBytes), mortal: true}
	s.insert(rec)
	s.mind(expires, rec)
}

func (s *store) insert(rec *record) {
	s.revision++
	rec.create, rec.modify, rec.version = s.revision, s.revision, 1
	// The history is filled in after the insertion: one walk instead of two.
	if old, had := s.keys.ReplaceOrInsert(newSlot(rec)); had {
		rec.create, rec.version = old.rec.create, old.rec.version+1
		s.forget(old.rec)
	}
	s.counts(rec)
	s.history.put(rec)
}

// remove deletes one key and returns how many that were.
func (s *store) remove(key []byte) uint64 {
	s.sought.key = key
	old, had := s.keys.Delete(newSlot(&s.sought))
	s.sought.key = nil // it may be a part of something large
	if !had {
		return 0
	}
	s.forget(old.rec)
	s.revision++
	s.history.gone(s.revision, old.rec.key, false)
	return 1
}

// removeRange deletes the keys in [from, end), at one revision, and returns how
// many that were.
func (s *store) removeRange(from, end []byte) uint64 {
	var doomed []*record
	s.ascend(from, end, func(rec *record) bool {
		doomed = append(doomed, rec)
		return true
	})
	if len(doomed) == 0 {
		return 0
	}
	s.revision++
	for _, rec := range doomed {
		s.keys.Delete(newSlot(rec))
		s.forget(rec)
		s.history.gone(s.revision, rec.key, false)
	}
	return uint64(len(doomed))
}

// ascend calls visit for the keys from from on and before end, in order, until
// visit returns false. An empty end is the end of the store.
func (s *store) ascend(from, end []byte, visit func(*record) bool) {
	each := func(at slot) bool { return visit(at.rec) }
	if len(end) == 0 {
		s.keys.AscendGreaterOrEqual(wanted(from), each)
		return
	}
	s.keys.AscendRange(wanted(from), wanted(end), each)
}
