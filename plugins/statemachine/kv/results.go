package kv

import "github.com/pontoon-raft/pontoon/internal/fields"

// The encoders below write messages of api/kv/v1 by hand: a result is part of
// what replicas agree on, so its bytes must not depend on the version of a
// library, and a batch of results shares one buffer.

// answerOverhead is more than a KeyValue needs beside its key and value: tag
// and length of the message, of key and of value, and three numbers.
const answerOverhead = 6 + 6 + 6 + 3*11

// appendKeyValue appends a KeyValue as field num.
func appendKeyValue(b []byte, num uint32, key, value []byte, r *record) []byte {
	size := fields.SizeBytes(len(key)) + fields.SizeBytes(len(value)) +
		fields.SizeVarint(r.create) + fields.SizeVarint(r.modify) + fields.SizeVarint(r.version)
	b = fields.AppendLength(b, num, size)
	b = fields.AppendBytes(b, 1, key)
	b = fields.AppendBytes(b, 2, value)
	b = fields.AppendVarint(b, 3, r.create)
	b = fields.AppendVarint(b, 4, r.modify)
	return fields.AppendVarint(b, 5, r.version)
}
