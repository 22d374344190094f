package kv_test

import (
	"bytes"
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
