package kv

import "google.golang.org/protobuf/encoding/protowire"

// The encoders below write messages of api/kv/v1 by hand: a result is part of
// what replicas agree on, so its bytes must not depend on the version of a
// library, and a batch of results shares one buffer.

// answerOverhead is more than a KeyValue needs beside its key and value: tag
// and length of the message, of key and of value, and three numbers.
const answerOverhead = 6 + 6 + 6 + 3*11

func appendNumber(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
}

func appendBytes(b []byte, num protowire.Number, v []byte) []byte {
	if len(v) == 0 {
		return b
	}
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
}

func sizeNumber(v uint64) int {
	if v == 0 {
		return 0
	}
	return 1 + protowire.SizeVarint(v)
}

func sizeBytes(v []byte) int {
	if len(v) == 0 {
		return 0
	}
	return 1 + protowire.SizeBytes(len(v))
}

// appendKeyValue appends a KeyValue as field num.
func appendKeyValue(b []byte, num protowire.Number, key, value []byte, r *record) []byte {
	size := sizeBytes(key) + sizeBytes(value) +
		sizeNumber(r.create) + sizeNumber(r.modify) + sizeNumber(r.version)
	b = protowire.AppendTag(b, num, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	b = appendBytes(b, 1, key)
	b = appendBytes(b, 2, value)
	b = appendNumber(b, 3, r.create)
	b = appendNumber(b, 4, r.modify)
	return appendNumber(b, 5, r.version)
}
