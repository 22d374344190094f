package kv

import "github.com/pontoon-raft/pontoon/internal/fields"

// The encoders below write messages of api/kv/v1 by hand: a result is part of
// what replicas agree on, so its bytes must not depend on the version of a
// library, and a batch of results shares one buffer.

// answerOverhead is more than a KeyValue needs beside its key and value: tag
// and length of the message, of key and of value, and three numbers. expiresOverhead is
// what a key that expires needs besides.
const (
	answerOverhead  = 6 + 6 + 6 + 3*11
	expiresOverhead = 11
)

func overhead(r *record) int {
	if r.mortal {
		return answerOverhead + expiresOverhead
	}
	return answerOverhead
}

// appendKeyValue appends a record as field num, a KeyValue, with its value or without.
func appendKeyValue(b []byte, num uint32, r *record, value []byte) []byte {
	b = fields.AppendLength(b, num, sizeKeyValue(r, len(value)))
	b = fields.AppendBytes(b, 1, r.key)
	b = fields.AppendBytes(b, 2, value)
	b = fields.AppendVarint(b, 3, r.create)
	b = fields.AppendVarint(b, 4, r.modify)
	b = fields.AppendVarint(b, 5, r.version)
	return fields.AppendVarint(b, 6, r.expires())
}

// sizeKeyValue is the size of a record as a KeyValue, with a value of so many bytes.
func sizeKeyValue(r *record, value int) int {
	return fields.SizeBytes(len(r.key)) + fields.SizeBytes(value) + fields.SizeVarint(r.create) +
		fields.SizeVarint(r.modify) + fields.SizeVarint(r.version) + fields.SizeVarint(r.expires())
}
