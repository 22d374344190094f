package pluginrpc

import (
	"bytes"
	"reflect"
	"runtime"
	"testing"

	"google.golang.org/grpc/mem"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
)

// sharedMessages are those that decode.go decodes.
func sharedMessages() []Message {
	return []Message{new(pluginv1.AppendRequest), new(pluginv1.RaftOutbound), new(pluginv1.RaftInbound), new(pluginv1.QueryResponse)}
}

func samples(t testing.TB) [][]byte {
	entries := []pluginv1.Entry{
		{Type: pluginv1.EntryType_ENTRY_CONF_CHANGE, Term: 1 << 60, Index: 300, Data: []byte("data")},
		{Term: 2, Index: 301, Data: []byte{}},
		{},
		{Type: -1},
	}
	envelopes := []pluginv1.Envelope{
		{Group: 1, To: 2, From: 3, Class: pluginv1.MessageClass_CLASS_APPEND, Payload: []byte("payload")},
		{Class: -5},
		{},
	}
	events := []pluginv1.Event{{Type: pluginv1.EventType_EVENT_REMOVED, Peer: 4, Detail: "x", Index: 5, Term: 6}}
	var encoded [][]byte
	for _, m := range []interface{ Marshal() ([]byte, error) }{
		&pluginv1.AppendRequest{Call: call(1, 2), Seq: 3, Entries: entries, HardState: pluginv1.HardState{Term: 4, Vote: 5, Commit: 6}, MustSync: true},
		&pluginv1.RaftOutbound{Call: call(1, 2), Envelopes: envelopes, Heard: 7},
		&pluginv1.RaftInbound{Envelopes: envelopes, Events: events},
		&pluginv1.RaftInbound{},
		&pluginv1.QueryResponse{Data: []byte("answer")},
	} {
		b, err := m.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		encoded = append(encoded, b)
	}
	return encoded
}

// sameAsGenerated decodes b in both ways.
func sameAsGenerated(t *testing.T, b []byte) {
	t.Helper()
	for _, m := range sharedMessages() {
		generated := reflect.New(reflect.TypeOf(m).Elem()).Interface().(Message)
		wantErr := generated.Unmarshal(b)
		err := Codec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(b)}, m)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%T from %x: error %v, generated code says %v", m, b, err, wantErr)
		}
		if err == nil && !reflect.DeepEqual(m, generated) {
			t.Fatalf("%T from %x: %+v, generated code says %+v", m, b, m, generated)
		}
	}
}

func TestSharedDecodingEqualsGenerated(t *testing.T) {
	for _, b := range samples(t) {
		for cut := range len(b) + 1 {
			sameAsGenerated(t, b[:cut])
		}
		sameAsGenerated(t, append([]byte{0x7d, 1, 2, 3, 4}, b...)) // an unknown field
	}
}

func TestSharedPartsCannotGrowIntoEachOther(t *testing.T) {
	var m pluginv1.AppendRequest
	if !decodeAppend(samples(t)[0], &m) {
		t.Fatal("not decoded")
	}
	for _, e := range m.Entries {
		if cap(e.Data) != len(e.Data) {
			t.Errorf("entry %d has %d bytes of room", e.Index, cap(e.Data)-len(e.Data))
		}
	}
}

// An answer of a state machine is held once while its client takes its time: the
// buffers that it came in are put together as what is kept.
func TestALargeAnswerIsCopiedOnce(t *testing.T) {
	m := &pluginv1.QueryResponse{Data: bytes.Repeat([]byte("answer"), 100_000)}
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	pieces := split(b, 16<<10)
	runtime.GC()
	runtime.GC() // pools are empty after two
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var got pluginv1.QueryResponse
	err = Codec().Unmarshal(pieces, &got)
	runtime.ReadMemStats(&after)
	if err != nil || !bytes.Equal(got.Data, m.Data) {
		t.Fatalf("the answer arrived changed: %v", err)
	}
	if taken := after.TotalAlloc - before.TotalAlloc; taken > uint64(len(b)*3/2) {
		t.Errorf("%d bytes were allocated for an answer of %d", taken, len(b))
	}
	if cap(got.Data) != len(got.Data) {
		t.Errorf("there are %d bytes of room after the answer", cap(got.Data)-len(got.Data))
	}
}

func FuzzDecode(f *testing.F) {
	for _, b := range samples(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { sameAsGenerated(t, b) })
}

// BenchmarkDecode decodes an append of 64 entries of 256 bytes in both ways.
func BenchmarkDecode(b *testing.B) {
	m := &pluginv1.AppendRequest{Call: call(1, 2), Seq: 3}
	for i := range uint64(64) {
		m.Entries = append(m.Entries, pluginv1.Entry{Term: 3, Index: i, Data: make([]byte, 256)})
	}
	encoded, err := m.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("generated", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var m pluginv1.AppendRequest
			if err := m.Unmarshal(encoded); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("shared", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var m pluginv1.AppendRequest
			if !shared(encoded, &m) {
				b.Fatal("not decoded")
			}
		}
	})
}
