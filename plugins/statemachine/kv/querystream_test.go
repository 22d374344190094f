package kv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	kvv1 "github.com/pontoon-raft/pontoon/api/kv/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// streamed asks for an answer in chunks and joins them. Meanwhile is called after each.
func (d *driver) streamed(q *kvv1.Query, meanwhile func(chunk []byte) error) (*kvv1.QueryResult, []int, error) {
	d.t.Helper()
	var all []byte
	var sizes []int
	err := statemachine.QueryStream(d.t.Context(), d.sm, marshal(d.t, q), func(chunk []byte) error {
		all, sizes = append(all, chunk...), append(sizes, len(chunk))
		return meanwhile(chunk)
	})
	var result kvv1.QueryResult
	if err == nil {
		if err := proto.Unmarshal(all, &result); err != nil {
			d.t.Fatalf("%d chunks joined: %v", len(sizes), err)
		}
	}
	return &result, sizes, err
}

func (d *driver) asked(q *kvv1.Query) *kvv1.QueryResult {
	d.t.Helper()
	raw, err := d.sm.Query(d.t.Context(), marshal(d.t, q))
	var result kvv1.QueryResult
	if err == nil {
		err = proto.Unmarshal(raw, &result)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return &result
}

func rangeQuery(r *kvv1.Range) *kvv1.Query { return &kvv1.Query{Op: &kvv1.Query_Range{Range: r}} }

func nothing([]byte) error { return nil }

// An answer in chunks has what the one of Query has, where that has room for all.
func TestAnAnswerInChunksIsThatOfQuery(t *testing.T) {
	d := newDriver(t, "")
	for i := range 50 {
		d.do(put(fmt.Sprintf("key/%02d", i), fmt.Sprint(i)))
	}
	for name, q := range map[string]*kvv1.Query{
		"all":         rangeQuery(&kvv1.Range{}),
		"a part":      rangeQuery(&kvv1.Range{Key: []byte("key/10"), End: []byte("key/20")}),
		"some":        rangeQuery(&kvv1.Range{Limit: 7}),
		"just all":    rangeQuery(&kvv1.Range{Limit: 50}),
		"keys":        rangeQuery(&kvv1.Range{KeysOnly: true}),
		"none":        rangeQuery(&kvv1.Range{Key: []byte("z")}),
		"one":         {Op: &kvv1.Query_Get{Get: &kvv1.Get{Key: []byte("key/30")}}},
		"one of none": {Op: &kvv1.Query_Get{Get: &kvv1.Get{Key: []byte("key/3")}}},
	} {
		got, _, err := d.streamed(q, nothing)
		if want := d.asked(q); err != nil || !proto.Equal(got, want) {
			t.Errorf("%s: %v, want %v (%v)", name, got, want, err)
		}
	}
}

// All of an answer is of the revision at the call, whatever is written and deleted
// while it lasts. Chunks have at most the host's size, also where one value is larger.
func TestAnAnswerInChunksIsOfOneRevision(t *testing.T) {
	d := newDriver(t, "")
	most := int(plugins.DefaultLimits().ChunkBytes())
	for i := range 40 {
		d.do(put(fmt.Sprintf("key/%02d", i), string(bytes.Repeat([]byte{byte(i)}, most/3))))
	}
	d.do(put("key/large", string(bytes.Repeat([]byte("l"), 3*most))))
	before := d.asked(rangeQuery(&kvv1.Range{KeysOnly: true}))
	chunks := 0
	got, sizes, err := d.streamed(rangeQuery(&kvv1.Range{}), func([]byte) error {
		chunks++
		d.do(put(fmt.Sprintf("key/%02d", 39-chunks%40), "changed"))
		d.do(put(fmt.Sprintf("new/%02d", chunks), "new"))
		return nil
	})
	if err != nil || len(sizes) < 10 {
		t.Fatalf("%d chunks, %v", len(sizes), err)
	}
	for i, n := range sizes {
		if n == 0 || n > most {
			t.Errorf("chunk %d has %d bytes, at most %d", i, n, most)
		}
	}
	for i, kv := range got.GetKvs() {
		if want := before.GetKvs()[i]; !bytes.Equal(kv.GetKey(), want.GetKey()) || kv.GetModRevision() != want.GetModRevision() || string(kv.GetValue()) == "changed" {
			t.Errorf("key %d is %q of revision %d, want %q of %d", i, kv.GetKey(), kv.GetModRevision(), want.GetKey(), want.GetModRevision())
		}
	}
	if len(got.GetKvs()) != 41 || got.GetRevision() != before.GetRevision() {
		t.Errorf("%d keys of revision %d, want 41 of %d", len(got.GetKvs()), got.GetRevision(), before.GetRevision())
	}
}

// An answer ends when its receiver takes no more, and with its context.
func TestAnAnswerInChunksThatIsGivenUp(t *testing.T) {
	d := newDriver(t, "")
	for i := range 10 {
		d.do(put(fmt.Sprintf("key/%02d", i), string(make([]byte, plugins.DefaultLimits().ChunkBytes()/2))))
	}
	gone := errors.New("the receiver is gone")
	if _, sizes, err := d.streamed(rangeQuery(&kvv1.Range{}), func([]byte) error { return gone }); !errors.Is(err, gone) || len(sizes) != 1 {
		t.Errorf("%d chunks, ended with %v", len(sizes), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := statemachine.QueryStream(ctx, d.sm, marshal(t, rangeQuery(&kvv1.Range{})), func([]byte) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	if n := d.sm.(*machine).streams.Load(); n != 0 {
		t.Errorf("%d streams are counted", n)
	}
}
