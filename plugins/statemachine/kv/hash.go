package kv

import (
	"encoding/binary"
	"hash/crc32"
)

// hashName is the name of the hash of the state. Another way to make it needs another name.
const hashName = "kv/1"

// StateHash implements statemachine.Hasher: the sum over all keys, and the revision.
func (m *machine) StateHash() []byte {
	m.mu.RLock()
	defer m.mu.RUnlock()
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
