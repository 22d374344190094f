package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
)

// batch returns a batch with its own entries; data is shared, as it is
// immutable.
func batch(data [][]byte, first uint64) storage.Batch {
	b := storage.Batch{MustSync: true, Entries: make([]storage.Entry, len(data))}
	for i := range data {
		b.Entries[i] = storage.Entry{Index: first + uint64(i), Term: 1, Data: data[i]}
	}
	return b
}

// openStore opens a store with the defaults of a host.
func openStore(ctx context.Context, s storage.Storage, dir string) error {
	dir = filepath.Join(dir, "storage")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	_, err := s.Open(ctx, plugins.Options{
		ClusterID: 1, NodeID: 1, NodeName: "bench", Group: 1, Incarnation: 1, DataDir: dir,
		Limits: plugins.DefaultLimits(), Tick: 100 * time.Millisecond, Election: time.Second,
	})
	return err
}

// walSink appends one batch after the other.
type walSink struct {
	store storage.Storage
	data  [][]byte
}

func openWAL(ctx context.Context, dir string) (sink, error) {
	s := wal.New(backend.Env{})
	if err := openStore(ctx, s, dir); err != nil {
		return nil, err
	}
	return &walSink{store: s, data: payload()}, nil
}

func (s *walSink) append(first uint64) error {
	return s.store.Append(context.Background(), []storage.Batch{batch(s.data, first)})
}

func (s *walSink) drain() error { return nil }
func (s *walSink) close() error { return s.store.Close(context.Background()) }

// pipelineSink keeps inFlight batches on their way.
type pipelineSink struct {
	appender      storage.Appender
	data          [][]byte
	sent, durable uint64
	end           func() error
}

func openPipeline(ctx context.Context, dir string) (sink, error) {
	s := wal.New(backend.Env{})
	if err := openStore(ctx, s, dir); err != nil {
		return nil, err
	}
	return newPipeline(ctx, s, func() error { return s.Close(context.Background()) })
}

// openRPC runs the backend as a host does.
func openRPC(ctx context.Context, dir string) (sink, error) {
	p, err := startPlugin(ctx)
	if err != nil {
		return nil, err
	}
	if err := openStore(ctx, p.store, dir); err != nil {
		return nil, errors.Join(err, p.end())
	}
	return newPipeline(ctx, p.store, func() error { return errors.Join(p.store.Close(context.Background()), p.end()) })
}

// plugin is the backend in a process: this program, started again.
type plugin struct {
	store storage.Storage
	pid   int
	end   func() error
}

func startPlugin(ctx context.Context) (*plugin, error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	c, err := catalog.New(catalog.Options{Logger: slog.New(slog.DiscardHandler), RuntimeDir: dir, Backends: backends()})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	end := func() error { return errors.Join(c.Close(), os.RemoveAll(dir)) }
	slot, err := c.Slot(catalog.Spec{Kind: plugins.Storage, Name: wal.Name})
	if err != nil {
		return nil, errors.Join(err, end())
	}
	in, err := slot.Start(ctx)
	if err != nil {
		return nil, errors.Join(err, end())
	}
	return &plugin{store: in.Storage(), pid: in.PID(), end: end}, nil
}

func newPipeline(ctx context.Context, s storage.Storage, end func() error) (sink, error) {
	a, err := storage.OpenAppender(ctx, s)
	if err != nil {
		return nil, errors.Join(err, end())
	}
	return &pipelineSink{appender: a, data: payload(), end: end}, nil
}

func (s *pipelineSink) append(first uint64) error {
	if err := s.waitFor(inFlight - 1); err != nil {
		return err
	}
	if err := s.appender.Send(batch(s.data, first)); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	s.sent++
	return nil
}

// waitFor returns when at most n batches are on their way.
func (s *pipelineSink) waitFor(n uint64) (err error) {
	for s.sent-s.durable > n {
		if s.durable, err = s.appender.Recv(); err != nil {
			return fmt.Errorf("receive: %w", err)
		}
	}
	return nil
}

func (s *pipelineSink) drain() error { return s.waitFor(0) }
func (s *pipelineSink) close() error { return errors.Join(s.appender.Close(), s.end()) }
