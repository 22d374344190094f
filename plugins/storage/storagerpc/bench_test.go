package storagerpc_test

import (
	"context"
	"net"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagerpc"
)

// unixListener is a plugin's socket.
type unixListener struct{ net.Listener }

func (l unixListener) DialContext(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", l.Addr().String())
}

// nothing stores nothing: what is measured is the way there and back.
type nothing struct{ storage.Storage }

func (nothing) Open(context.Context, plugins.Options) (storage.State, error) {
	return storage.State{FirstIndex: 1, Terms: []storage.TermBoundary{{}}}, nil
}

func (nothing) Append(context.Context, []storage.Batch) error { return nil }

func benchAppender(b *testing.B) storage.Appender {
	l, err := net.Listen("unix", filepath.Join(b.TempDir(), "s"))
	if err != nil {
		b.Fatal(err)
	}
	conn := rpctest.DialListener(b, unixListener{l}, func(r grpc.ServiceRegistrar) { storagerpc.Register(r, nothing{}) })
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
func BenchmarkAppendRoundTrip(b *testing.B) {
	a, batch := benchAppender(b), benchBatch()
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
func BenchmarkAppendSmall(b *testing.B) {
	a, batch := benchAppender(b), benchBatch()
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
func BenchmarkAppendPipelined(b *testing.B) {
	a, batch := benchAppender(b), benchBatch()
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
