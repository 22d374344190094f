package kv

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// hashName is the name of the hash of the state. Another way to make it needs another name.
const hashName = "kv/1"

// reviewRecords and reviewBytes are after how many keys, and bytes of keys and values, the
// review of one hash ends.
const (
	reviewRecords = 1024
	reviewBytes   = 1 << 20
)

// StateHash implements statemachine.Hasher: the sum over all keys, and the revision.
func (m *machine) StateHash() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.store.review()
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, m.store.sum), m.store.revision)
}

// hash is a record's part of the sum: of all that a client sees of the key.
func (rec *record) hash() uint64 {
	value := rec.value()
	crc := crc32.Update(crc32.Checksum(rec.key, castagnoli()), castagnoli(), value)
	sum := uint64(crc)
	for _, part := range [...]uint64{uint64(len(value)), rec.create, rec.modify, rec.version, rec.expires()} {
		sum = (sum ^ part) * 0x9e3779b97f4a7c15
		sum ^= sum >> 32
	}
	return sum
}

// counts has a record that is in the tree now in the sum.
func (s *store) counts(rec *record) {
	rec.sum = rec.hash()
	s.sum += rec.sum
}

// review looks at the next records, round and round, and makes their parts of the sum anew: it
// is of what Apply has put there, and memory may have changed since then.
func (s *store) review() {
	records, size, from := 0, 0, s.reviewed
	s.reviewed = nil
	s.ascend(from, nil, func(rec *record) bool {
		if records == reviewRecords || size >= reviewBytes {
			s.reviewed = bytes.Clone(rec.key)
			return false
		}
		records, size = records+1, size+cap(rec.key)
		if sum := rec.hash(); sum != rec.sum {
			s.sum += sum - rec.sum
			rec.sum = sum
		}
		return true
	})
}
