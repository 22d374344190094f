package kv_test

import (
	"bytes"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"

	kvv1 "github.com/pontoon-raft/pontoon/api/kv/v1"
	"github.com/pontoon-raft/pontoon/client/kv"
)

// FuzzAnswers: a result or a page, of whatever host, is refused or read; a page that
// goes on goes forwards.
func FuzzAnswers(f *testing.F) {
	entry := &kvv1.KeyValue{Key: []byte("k"), Value: []byte("v"), CreateRevision: 1, ModRevision: 2, Version: 3}
	for _, m := range []proto.Message{
		&kvv1.CommandResult{Revision: 1, Current: entry}, &kvv1.QueryResult{Revision: 1, More: true, Kvs: []*kvv1.KeyValue{entry}},
	} {
		raw, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if r, err := kv.DecodeResult(raw); err == nil && r.Current != nil {
			_ = len(r.Current.Key)
		}
		page, err := kv.DecodePage(raw)
		if err != nil {
			return
		}
		if next := page.Next(); next != nil && bytes.Compare(next, page.Entries[len(page.Entries)-1].Key) <= 0 {
			t.Fatalf("the page after %x begins at %x", page.Entries[len(page.Entries)-1].Key, next)
		}
	})
}

// FuzzChunks: an answer that was cut anywhere is read as the whole one is, or refused.
func FuzzChunks(f *testing.F) {
	raw, err := proto.Marshal(&kvv1.QueryResult{Revision: 1, Kvs: []*kvv1.KeyValue{{Key: []byte("k"), Value: []byte("v")}, {Key: []byte("l")}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw, 3)
	f.Add(raw, 9)
	f.Fuzz(func(t *testing.T, raw []byte, cut int) {
		cut = min(max(cut, 0), len(raw))
		var c kv.Chunks
		entries, err := c.Add(raw[:cut])
		if err == nil {
			var more []kv.Entry
			more, err = c.Add(raw[cut:])
			entries = append(entries, more...)
		}
		if err != nil {
			return
		}
		if _, _, err := c.End(); err != nil {
			return
		}
		page, err := kv.DecodePage(raw)
		if err != nil || !reflect.DeepEqual(entries, page.Entries) {
			t.Fatalf("cut at %d: %v, and as a whole %v (%v)", cut, entries, page.Entries, err)
		}
	})
}
