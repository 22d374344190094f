package kv_test

import (
	"bytes"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"

	kvv1 "github.com/pontoon-raft/pontoon/api/kv/v1"
	"github.com/pontoon-raft/pontoon/client/kv"
)

func TestCommands(t *testing.T) {
	for name, test := range map[string]struct {
		got  []byte
		want *kvv1.Command
	}{
		"put":             {kv.EncodePut([]byte("k"), []byte("v")), &kvv1.Command{Op: &kvv1.Command_Put{Put: &kvv1.Put{Key: []byte("k"), Value: []byte("v")}}}},
		"delete":          {kv.EncodeDelete([]byte("k")), &kvv1.Command{Op: &kvv1.Command_Delete{Delete: &kvv1.Delete{Key: []byte("k")}}}},
		"delete range":    {kv.EncodeDeleteRange([]byte("k"), []byte("m")), &kvv1.Command{Op: &kvv1.Command_Delete{Delete: &kvv1.Delete{Key: []byte("k"), End: []byte("m")}}}},
		"compare and set": {kv.EncodeCompareAndSet([]byte("k"), 7, []byte("v")), &kvv1.Command{Op: &kvv1.Command_CompareAndSet{CompareAndSet: &kvv1.CompareAndSet{Key: []byte("k"), ModRevision: 7, Value: []byte("v")}}}},
	} {
		var got kvv1.Command
		if err := proto.Unmarshal(test.got, &got); err != nil || !proto.Equal(&got, test.want) {
			t.Errorf("%s: %v, %v, want %v", name, &got, err, test.want)
		}
	}
}

// EncodePut writes the bytes that the library writes, into memory of that size.
func TestPutIsTheMessage(t *testing.T) {
	for _, keyBytes := range []int{0, 1, 127, 128, 4096} {
		for _, valueBytes := range []int{0, 1, 127, 128, 16383, 16384, 1 << 20} {
			key, value := bytes.Repeat([]byte("k"), keyBytes), bytes.Repeat([]byte("v"), valueBytes)
			want, err := proto.Marshal(&kvv1.Command{Op: &kvv1.Command_Put{Put: &kvv1.Put{Key: key, Value: value}}})
			if err != nil {
				t.Fatal(err)
			}
			if got := kv.EncodePut(key, value); !bytes.Equal(got, want) || cap(got) != len(want) {
				t.Errorf("key of %d, value of %d: %d bytes with room for %d, want %d", keyBytes, valueBytes, len(got), cap(got), len(want))
			}
		}
	}
}

func BenchmarkEncodePut(b *testing.B) {
	key, value := []byte("key-0001-000042"), make([]byte, 256)
	b.ReportAllocs()
	for b.Loop() {
		kv.EncodePut(key, value)
	}
}

func TestQueries(t *testing.T) {
	for name, test := range map[string]struct {
		got  []byte
		want *kvv1.Query
	}{
		"get": {kv.EncodeGet([]byte("k")), &kvv1.Query{Op: &kvv1.Query_Get{Get: &kvv1.Get{Key: []byte("k")}}}},
		"range": {
			kv.EncodeRange(kv.Range{Key: []byte("a"), End: []byte("b"), Limit: 3, KeysOnly: true}),
			&kvv1.Query{Op: &kvv1.Query_Range{Range: &kvv1.Range{Key: []byte("a"), End: []byte("b"), Limit: 3, KeysOnly: true}}},
		},
	} {
		var got kvv1.Query
		if err := proto.Unmarshal(test.got, &got); err != nil || !proto.Equal(&got, test.want) {
			t.Errorf("%s: %v, %v, want %v", name, &got, err, test.want)
		}
	}
}

func TestAnswers(t *testing.T) {
	entry := kv.Entry{Key: []byte("k"), Value: []byte("v"), CreateRevision: 1, ModRevision: 5, Version: 2}
	wire := &kvv1.KeyValue{Key: []byte("k"), Value: []byte("v"), CreateRevision: 1, ModRevision: 5, Version: 2}
	raw := func(m proto.Message) []byte {
		data, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	result, err := kv.DecodeResult(raw(&kvv1.CommandResult{Revision: 9, Deleted: 2, Succeeded: true, Current: wire}))
	if want := (kv.Result{Revision: 9, Deleted: 2, Succeeded: true, Current: &entry}); err != nil || !reflect.DeepEqual(result, want) {
		t.Errorf("result %+v, %v, want %+v", result, err, want)
	}
	if result, err := kv.DecodeResult(nil); err != nil || !reflect.DeepEqual(result, kv.Result{}) {
		t.Errorf("empty result %+v, %v", result, err)
	}
	page, err := kv.DecodePage(raw(&kvv1.QueryResult{Kvs: []*kvv1.KeyValue{wire}, More: true, Revision: 9}))
	if want := (kv.Page{Entries: []kv.Entry{entry}, More: true, Revision: 9}); err != nil || !reflect.DeepEqual(page, want) {
		t.Errorf("page %+v, %v, want %+v", page, err, want)
	}
	if got := page.Next(); string(got) != "k\x00" {
		t.Errorf("Next = %q", got)
	}
	page.More = false
	if got := page.Next(); got != nil {
		t.Errorf("Next of the last page = %q", got)
	}
	if _, err := kv.DecodeResult([]byte{0xff}); err == nil {
		t.Error("garbage is a result")
	}
	if _, err := kv.DecodePage([]byte{0xff}); err == nil {
		t.Error("garbage is a page")
	}
}

func TestPrefixEnd(t *testing.T) {
	for prefix, want := range map[string]string{"": "", "a": "b", "ab": "ac", "a\xff": "b", "\xff\xff": "", "a\xfe\xff": "a\xff"} {
		if got := kv.PrefixEnd([]byte(prefix)); string(got) != want {
			t.Errorf("PrefixEnd(%q) = %q, want %q", prefix, got, want)
		}
	}
	prefix := []byte("ab")
	if kv.PrefixEnd(prefix); !bytes.Equal(prefix, []byte("ab")) {
		t.Errorf("PrefixEnd changed its argument to %q", prefix)
	}
}

// Chunks give each entry when all of it has come, however they are cut, and an answer that
// ends within one is an error.
func TestChunks(t *testing.T) {
	var want []kv.Entry
	result := &kvv1.QueryResult{Revision: 9, More: true}
	for _, key := range []string{"a", "b", "c"} {
		result.Kvs = append(result.Kvs, &kvv1.KeyValue{Key: []byte(key), Value: bytes.Repeat([]byte(key), 300), CreateRevision: 1, ModRevision: 2, Version: 3})
		want = append(want, kv.Entry{Key: []byte(key), Value: bytes.Repeat([]byte(key), 300), CreateRevision: 1, ModRevision: 2, Version: 3})
	}
	raw, err := proto.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1; size <= len(raw); size++ {
		var c kv.Chunks
		var got []kv.Entry
		for rest := raw; len(rest) > 0; {
			n := min(size, len(rest))
			entries, err := c.Add(rest[:n])
			if err != nil {
				t.Fatalf("chunks of %d bytes: %v", size, err)
			}
			got, rest = append(got, entries...), rest[n:]
		}
		revision, more, err := c.End()
		if err != nil || revision != 9 || !more || !reflect.DeepEqual(got, want) {
			t.Fatalf("chunks of %d bytes: %d entries of revision %d, more %t (%v)", size, len(got), revision, more, err)
		}
	}
	var c kv.Chunks
	if _, err := c.Add(raw[:400]); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.End(); err == nil {
		t.Error("an answer that ends within an entry is whole")
	}
	if _, err := new(kv.Chunks).Add([]byte{0x07, 0x07}); err == nil {
		t.Error("garbage is a chunk")
	}
}
