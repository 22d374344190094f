package fields

import "google.golang.org/protobuf/encoding/protowire"

// The functions below write a field as proto.Marshal does: one with a zero value
// is left out. Numbers go up to 15, so that a tag is one byte.

// AppendVarint appends a field with a number.
func AppendVarint(b []byte, number uint32, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(append(b, byte(number<<typeBits|Varint)), v)
}

// AppendBytes appends a field with bytes.
func AppendBytes[T []byte | string](b []byte, number uint32, v T) []byte {
	if len(v) == 0 {
		return b
	}
	return append(AppendLength(b, number, len(v)), v...)
}

// AppendLength appends the tag and the length of a field with n bytes, which the
// caller appends. It leaves out nothing: a message of no fields is not an absent one.
func AppendLength(b []byte, number uint32, n int) []byte {
	return protowire.AppendVarint(append(b, byte(number<<typeBits|Bytes)), uint64(n))
}

// SizeVarint is how many bytes AppendVarint appends.
func SizeVarint(v uint64) int {
	if v == 0 {
		return 0
	}
	return 1 + protowire.SizeVarint(v)
}

// SizeBytes is how many bytes AppendBytes appends for a value of n bytes.
func SizeBytes(n int) int {
	if n == 0 {
		return 0
	}
	return SizeLength(n) + n
}

// SizeLength is how many bytes AppendLength appends.
func SizeLength(n int) int { return 1 + protowire.SizeVarint(uint64(n)) }
