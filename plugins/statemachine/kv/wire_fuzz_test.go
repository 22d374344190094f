package kv

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	kvv1 "github.com/pontoon-raft/pontoon/api/kv/v1"
	"github.com/pontoon-raft/pontoon/internal/fields"
)

// seeds are messages and near-messages: repeated and mixed operations, wrong
// wire types, unknown fields and groups, numbers that are too long.
func seeds(f *testing.F) {
	for _, s := range []string{
		"", "\x0a\x00", "\x0a\x04\x0a\x00\x12\x00", "\x0a\x06\x0a\x01k\x12\x01v",
		"\x12\x06\x0a\x01a\x12\x01b", "\x1a\x08\x0a\x01k\x10\x07\x1a\x01v",
		"\x0a\x03\x0a\x01a\x0a\x03\x12\x01b",         // one operation in two parts
		"\x0a\x03\x0a\x01a\x12\x03\x0a\x01b",         // two operations
		"\x0a\x03\x0a\x01a\x12\x03\x0a\x01b\x0a\x00", // and back
		"\x08\x01", "\x0a\x02\x08\x01", "\x1a\x03\x12\x01x", "\x20\x01\x0a\x03\x0a\x01k",
		"\x23\x08\x01\x24", "\x23\x08\x01", "\x24", "\x0b\x0c", "\x02\x00", "\x00\x00",
		"\x1a\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"\x1a\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
		"\x12\x0a\x0a\x01a\x12\x01z\x18\x05\x20\x01", "\x12\x07\x18\xff\xff\xff\xff\xff\x01", "\x12\x02\x20\x02",
		"\x1a\x0a\x0a\x01a\x12\x01z\x18\x05\x20\x01", "\x1a\x0b\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"\xfa\xff\xff\xff\x0f\x00", "\xfa\xff\xff\xff\x1f\x00", "\xfa\xff\xff\xff\x7f\x00",
	} {
		f.Add([]byte(s))
	}
}

// The decoder of commands and proto.Unmarshal agree on every input: on what is
// malformed and on what it says.
func FuzzDecodeCommand(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		var want kvv1.Command
		err := proto.Unmarshal(data, &want)
		got, ok := decodeCommand(data)
		if ok != (err == nil) {
			t.Fatalf("decodeCommand(%x) ok = %t, proto.Unmarshal: %v", data, ok, err)
		}
		if ok {
			equalCommand(t, got, &want)
		}
	})
}

func equalCommand(t *testing.T, got command, want *kvv1.Command) {
	t.Helper()
	var c command
	switch op := want.Op.(type) {
	case *kvv1.Command_Put:
		c = command{op: opPut, key: op.Put.Key, value: op.Put.Value}
	case *kvv1.Command_Delete:
		c = command{op: opDelete, key: op.Delete.Key, end: op.Delete.End}
	case *kvv1.Command_CompareAndSet:
		cas := op.CompareAndSet
		c = command{op: opCompareAndSet, key: cas.Key, modRevision: cas.ModRevision, value: cas.Value}
	}
	if got.op != c.op || got.modRevision != c.modRevision || !bytes.Equal(got.key, c.key) ||
		!bytes.Equal(got.end, c.end) || !bytes.Equal(got.value, c.value) {
		t.Fatalf("decoded %+v, want %+v", got, c)
	}
}

// The same for queries.
func FuzzDecodeQuery(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		var want kvv1.Query
		err := proto.Unmarshal(data, &want)
		got, ok := decodeQuery(data)
		if ok != (err == nil) {
			t.Fatalf("decodeQuery(%x) ok = %t, proto.Unmarshal: %v", data, ok, err)
		}
		if !ok {
			return
		}
		var q query
		switch op := want.Op.(type) {
		case *kvv1.Query_Get:
			q = query{op: queryGet, key: op.Get.Key}
		case *kvv1.Query_Range:
			q = query{op: queryRange, key: op.Range.Key, end: op.Range.End, limit: op.Range.Limit, keysOnly: op.Range.KeysOnly}
		case *kvv1.Query_Watch:
			q = query{op: queryWatch, key: op.Watch.Key, end: op.Watch.End, from: op.Watch.From, keysOnly: op.Watch.KeysOnly}
		}
		if got.op != q.op || got.limit != q.limit || got.from != q.from || got.keysOnly != q.keysOnly ||
			!bytes.Equal(got.key, q.key) || !bytes.Equal(got.end, q.end) {
			t.Fatalf("decoded %+v, want %+v", got, q)
		}
	})
}

// The bytes written by hand are those that proto.Unmarshal reads.
func FuzzAppendKeyValue(f *testing.F) {
	f.Add([]byte("k"), []byte("v"), uint64(1), uint64(2), uint64(3))
	f.Add([]byte{}, []byte{}, uint64(0), uint64(0), uint64(0))
	f.Add(bytes.Repeat([]byte("k"), 200), bytes.Repeat([]byte("v"), 20000), ^uint64(0), uint64(1)<<63, uint64(1)<<35)
	f.Fuzz(func(t *testing.T, key, value []byte, create, modify, version uint64) {
		rec := &record{key: key, create: create, modify: modify, version: version}
		raw := fields.AppendVarint(appendKeyValue(nil, 1, rec, value), 3, modify)
		want := &kvv1.QueryResult{Revision: modify, Kvs: []*kvv1.KeyValue{{
			Key: key, Value: value, CreateRevision: create, ModRevision: modify, Version: version,
		}}}
		var got kvv1.QueryResult
		if err := proto.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(&got, want) {
			t.Fatalf("read back %v, want %v", &got, want)
		}
		if size := len(key) + len(value) + answerOverhead; len(raw) > size+16 {
			t.Fatalf("%d bytes, the estimate was %d", len(raw), size)
		}
	})
}
