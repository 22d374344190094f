package kv

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand"
	"testing"

	kvv1 "github.com/pontoon-raft/pontoon/api/kv/v1"
	"google.golang.org/protobuf/proto"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

const benchBatch = 64

// putData is the data of a proposal: a value of 256 bytes under the i-th key.
func putData(tb testing.TB, i int) []byte {
	tb.Helper()
	value := make([]byte, 256)
	binary.BigEndian.PutUint64(value, uint64(i))
	data, err := proto.Marshal(&kvv1.Command{Op: &kvv1.Command_Put{
		Put: &kvv1.Put{Key: fmt.Appendf(nil, "bench/%012d", i), Value: value},
	}})
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// benchMachine returns a machine with keys keys, written in a random order.
func benchMachine(b *testing.B, keys int) (sm statemachine.StateMachine, data [][]byte, applied uint64) {
	b.Helper()
	sm = New(backend.Env{})
	if _, err := sm.Open(b.Context(), plugins.Options{}); err != nil {
		b.Fatal(err)
	}
	for _, i := range rand.New(rand.NewSource(1)).Perm(keys) {
		data = append(data, putData(b, i))
	}
	for applied < uint64(keys) {
		applied = applyNext(b, sm, data, applied)
	}
	return sm, data, applied
}

// applyNext applies the next batch of benchBatch entries.
func applyNext(b *testing.B, sm statemachine.StateMachine, data [][]byte, applied uint64) uint64 {
	var entries [benchBatch]statemachine.Entry
	for i := range entries {
		entries[i] = statemachine.Entry{Index: applied + 1 + uint64(i), Data: data[(applied+uint64(i))%uint64(len(data))]}
	}
	applied += benchBatch
	if _, err := sm.Apply(b.Context(), statemachine.Batch{Entries: entries[:], Through: applied}); err != nil {
		b.Fatal(err)
	}
	return applied
}

func BenchmarkApplyPut(b *testing.B) {
	for _, keys := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			sm, data, applied := benchMachine(b, keys)
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += benchBatch {
				applied = applyNext(b, sm, data, applied)
			}
		})
	}
}

// BenchmarkApplyPutCloned is what BenchmarkApplyPut would cost if each batch
// published a clone for queries to read instead of holding them off by a lock.
func BenchmarkApplyPutCloned(b *testing.B) {
	sm, data, applied := benchMachine(b, 100_000)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += benchBatch {
		applied = applyNext(b, sm, data, applied)
		if _, err := sm.PrepareSnapshot(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	sm, _, _ := benchMachine(b, 100_000)
	q, err := proto.Marshal(&kvv1.Query{Op: &kvv1.Query_Get{Get: &kvv1.Get{Key: []byte("bench/000000031415")}}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sm.Query(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSaveSnapshot(b *testing.B) {
	sm, _, _ := benchMachine(b, 100_000)
	b.SetBytes(100_000 * (256 + 18))
	for b.Loop() {
		snap, err := sm.PrepareSnapshot(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if err := snap.Save(b.Context(), io.Discard); err != nil {
			b.Fatal(err)
		}
		snap.Release()
	}
}
