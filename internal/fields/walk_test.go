package fields_test

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/pontoon-raft/pontoon/internal/fields"
)

// FuzzWalk: a walk accepts what protobuf accepts of a message whose fields it does
// not know, and finds the fields that are there.
func FuzzWalk(f *testing.F) {
	for _, s := range []string{
		"", "\x08\x01\x12\x02ab", "\x0a\x00", "\x08", "\x0a\x03ab", "\x00\x00", "\x07\x00",
		"\x09\x01\x02\x03\x04\x05\x06\x07\x08", "\x0d\x01\x02\x03\x04", "\x0d\x01",
		"\x0b\x08\x01\x0c", "\x0b\x08\x01", "\x0c", "\x0b\x14", "\xf8\xff\xff\xff\x0f\x01", "\xf8\xff\xff\xff\x1f\x01",
		"\x88\x00\x01", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		wantErr := proto.Unmarshal(message, new(emptypb.Empty))
		rest := message
		w := fields.Over(message)
		for w.Next() {
			number, kind, n := protowire.ConsumeField(rest)
			if n < 0 || w.Number() != uint32(number) || w.Type() != uint32(kind) {
				t.Fatalf("%x: field %d of type %d, want %d of %d", message, w.Number(), w.Type(), number, kind)
			}
			_, _, tag := protowire.ConsumeTag(rest)
			value := rest[tag:n]
			switch kind {
			case protowire.VarintType:
				if v, _ := protowire.ConsumeVarint(value); v != w.Varint {
					t.Fatalf("%x: field %d is %d, want %d", message, number, w.Varint, v)
				}
			case protowire.BytesType:
				value, _ = protowire.ConsumeBytes(value)
				fallthrough
			default:
				if !bytes.Equal(w.Value, value) {
					t.Fatalf("%x: field %d is %x, want %x", message, number, w.Value, value)
				}
				if at := cap(message) - cap(w.Value); len(value) > 0 && !bytes.Equal(message[at:at+len(value)], value) {
					t.Fatalf("%x: the capacity of field %d says that it begins at %d", message, number, at)
				}
			}
			rest = rest[n:]
		}
		if (w.Err() == nil) != (wantErr == nil) {
			t.Fatalf("%x: ended with %v, protobuf says %v", message, w.Err(), wantErr)
		}
		if w.Err() == nil && len(rest) > 0 {
			t.Fatalf("%x: %x was not walked over", message, rest)
		}
		if w.Next() {
			t.Fatalf("%x: a field after the end", message)
		}
	})
}

func TestAWalkAllocatesNothing(t *testing.T) {
	message := []byte("\x08\x01\x12\x02ab\x0b\x08\x01\x0c\x0d\x01\x02\x03\x04")
	sum := 0
	if n := testing.AllocsPerRun(100, func() {
		for w := fields.Over(message); w.Next(); {
			sum += len(w.Value)
		}
	}); n != 0 || sum == 0 {
		t.Errorf("%v allocations for a walk", n)
	}
}

// The appended bytes are as many as is said, and a zero value is left out.
func TestAppendedFieldsHaveTheirSizes(t *testing.T) {
	for _, v := range []uint64{0, 1, 127, 128, 1<<64 - 1} {
		b := fields.AppendVarint(nil, 15, v)
		if len(b) != fields.SizeVarint(v) || (v == 0) != (len(b) == 0) {
			t.Errorf("%d takes %d bytes, said to be %d", v, len(b), fields.SizeVarint(v))
		}
		if w := fields.Over(b); v > 0 && (!w.Next() || w.Tag != 15<<3|fields.Varint || w.Varint != v) {
			t.Errorf("%d came back as %d", v, w.Varint)
		}
	}
	for _, n := range []int{0, 1, 127, 128, 1 << 14} {
		b := fields.AppendBytes(nil, 2, make([]byte, n))
		if len(b) != fields.SizeBytes(n) || (n == 0) != (len(b) == 0) {
			t.Errorf("%d bytes take %d, said to be %d", n, len(b), fields.SizeBytes(n))
		}
		if w := fields.Over(b); n > 0 && (!w.Next() || w.Tag != 2<<3|fields.Bytes || len(w.Value) != n) {
			t.Errorf("%d bytes came back as %d", n, len(w.Value))
		}
		if head := fields.AppendLength(nil, 2, n); len(head) != fields.SizeLength(n) {
			t.Errorf("the length %d takes %d bytes, said to be %d", n, len(head), fields.SizeLength(n))
		}
	}
}
