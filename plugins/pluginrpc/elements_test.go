package pluginrpc

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
)

// answers are the messages of plugins in which something repeats.
func answers() []Message {
	return []Message{
		new(pluginv1.DescribeResponse), new(pluginv1.StorageOpenResponse), new(pluginv1.ReadResponse), new(pluginv1.ListSnapshotsResponse),
		new(pluginv1.StateMachineOpenResponse), new(pluginv1.ApplyResponse), new(pluginv1.RaftInbound),
	}
}

// floodBytes is several times what a message has at default settings. One of the largest
// that settings allow would take gibibytes, were it decoded.
const floodBytes = 8 << 20

// A message of elements without anything takes many times its bytes once it is decoded. It
// is refused before that, whichever of its fields repeats.
func TestEmptyElementsAreRefusedBeforeTheyAreDecoded(t *testing.T) {
	for _, m := range answers() {
		for _, r := range repeatedOf(m) {
			t.Run(fmt.Sprintf("%T field %d", m, r.tag>>3), func(t *testing.T) {
				if r.size < 2*elementsPerLen {
					t.Skipf("an element of %d bytes in memory is not more than a few times its two on the wire", r.size)
				}
				flood := bytes.Repeat([]byte{byte(r.tag), 0}, floodBytes/2)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				err := Decode(flood, m)
				runtime.ReadMemStats(&after)
				if !errors.Is(err, plugins.ErrBadAnswer) {
					t.Errorf("got %v", err)
				}
				if made := after.TotalAlloc - before.TotalAlloc; made > 1<<20 {
					t.Errorf("%d bytes were allocated", made)
				}
			})
		}
	}
}

// Each field of those messages that repeats with elements of their own is weighed, and as
// many elements as a message of the default limits can have are taken.
func TestEachRepeatedFieldIsWeighed(t *testing.T) {
	for _, m := range answers() {
		of := reflect.TypeOf(m).Elem()
		weighed := map[uintptr]int{}
		for _, r := range repeatedOf(m) {
			weighed[r.size]++
		}
		for i := range of.NumField() {
			f := of.Field(i)
			if f.Type.Kind() != reflect.Slice || f.Type.Elem().Kind() == reflect.Uint8 || f.Type.Elem().Kind() == reflect.Uint32 {
				continue // bytes, or numbers that take four times their one byte
			}
			if weighed[f.Type.Elem().Size()]--; weighed[f.Type.Elem().Size()] < 0 {
				t.Errorf("%s.%s is not weighed", of.Name(), f.Name)
			}
		}
	}
	var terms pluginv1.StorageOpenResponse
	for i := range 250_000 {
		terms.Terms = append(terms.Terms, pluginv1.TermBoundary{Index: uint64(i), Term: uint64(i)})
	}
	b, err := terms.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var got pluginv1.StorageOpenResponse
	if err := Decode(b, &got); err != nil || len(got.Terms) != len(terms.Terms) {
		t.Errorf("%d of %d terms in %d bytes: %v", len(got.Terms), len(terms.Terms), len(b), err)
	}
}
