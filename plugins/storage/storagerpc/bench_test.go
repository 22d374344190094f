package storagerpc_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagerpc"
)

// nothing stores nothing: the way there and back is measured.
type nothing struct{ storage.Storage }

func (nothing) Open(context.Context, plugins.Options) (storage.State, error) {
	return storage.State{StoreID: 1, FirstIndex: 1, Terms: []storage.TermBoundary{{}}}, nil
}

func (nothing) Append(context.Context, []storage.Batch) error { return nil }

// benchCarriers runs a benchmark on both carriers, each on a unix socket.
func benchCarriers(b *testing.B, run func(*testing.B, storage.Appender)) {
	b.Run("grpc", func(b *testing.B) {
		run(b, benchAppender(b, func(t testing.TB, register func(grpc.ServiceRegistrar)) grpc.ClientConnInterface {
			return rpctest.DialFrames(t, register).ClientConnInterface
		}))
	})
	b.Run("frames", func(b *testing.B) { run(b, benchAppender(b, rpctest.Carriers()["frames"])) })
}

func benchAppender(b *testing.B, carrier rpctest.Carrier) storage.Appender {
	conn := carrier(b, func(r grpc.ServiceRegistrar) { storagerpc.Register(r, nothing{}) })
	c := storagerpc.NewClient(conn, plugins.Info{})
	if _, err := c.Open(b.Context(), options()); err != nil {
		b.Fatal(err)
	}
	a, err := c.Appender(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return a
}

func benchBatch() storage.Batch {
	batch := storage.Batch{MustSync: true, HardState: storage.HardState{Term: 3, Vote: 1, Commit: 1 << 20}}
	for i := range uint64(64) {
		batch.Entries = append(batch.Entries, storage.Entry{Term: 3, Index: 1<<20 + i, Data: make([]byte, 256)})
	}
	return batch
}

// BenchmarkAppendRoundTrip sends a batch of 64 entries of 256 bytes and waits
// for its acknowledgement.
func BenchmarkAppendRoundTrip(b *testing.B) { benchCarriers(b, appendRoundTrip) }

func appendRoundTrip(b *testing.B, a storage.Appender) {
	batch := benchBatch()
	b.SetBytes(64 * 256)
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Send(batch); err != nil {
			b.Fatal(err)
		}
		if _, err := a.Recv(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendSmall is the round trip of one small entry, which bounds the
// latency of a lone client.
func BenchmarkAppendSmall(b *testing.B) { benchCarriers(b, appendSmall) }

func appendSmall(b *testing.B, a storage.Appender) {
	batch := benchBatch()
	batch.Entries = batch.Entries[:1]
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Send(batch); err != nil {
			b.Fatal(err)
		}
		if _, err := a.Recv(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendPipelined keeps eight batches on their way.
func BenchmarkAppendPipelined(b *testing.B) { benchCarriers(b, appendPipelined) }

func appendPipelined(b *testing.B, a storage.Appender) {
	batch := benchBatch()
	b.SetBytes(64 * 256)
	b.ReportAllocs()
	sent, durable := uint64(0), uint64(0)
	for b.Loop() {
		for ; sent-durable >= 8; durable, _ = a.Recv() {
		}
		if err := a.Send(batch); err != nil {
			b.Fatal(err)
		}
		sent++
	}
}
