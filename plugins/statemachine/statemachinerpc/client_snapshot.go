package statemachinerpc

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync/atomic"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
)

// snapshot is a state that the plugin holds under an id.
type snapshot struct {
	client *Client
	opened *pluginrpc.Opened
	id     uint64
	index  uint64
	taken  atomic.Bool // saved or released: the plugin has forgotten the id
}

// Index implements statemachine.Snapshot.
func (s *snapshot) Index() uint64 { return s.index }

// Save implements statemachine.Snapshot.
func (s *snapshot) Save(ctx context.Context, w io.Writer) error {
	if s.taken.Swap(true) {
		return fmt.Errorf("save snapshot %d: saved or released before: %w", s.index, plugins.ErrInvalidArgument)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := s.save(ctx, w); err != nil {
		return fmt.Errorf("save snapshot %d: %w", s.index, err)
	}
	return nil
}

func (s *snapshot) save(ctx context.Context, w io.Writer) error {
	stream, err := s.client.rpc.SaveSnapshot(ctx, &pluginv1.StateSnapshotRequest{Call: s.opened.Call, Snapshot: s.id})
	if err != nil {
		return s.client.end.Table.Error(ctx, err)
	}
	in := marked{
		stream:   stream,
		failed:   func(err error) error { return s.client.end.Table.Error(ctx, err) },
		Arriving: pluginrpc.Arriving{MaxChunk: s.opened.Limits.MaxChunkBytes, AnyLength: true},
	}
	_, err = pluginrpc.NewChunkReader(in.next).WriteTo(w)
	return err
}

// marked is a snapshot that arrives. The plugin's end mark says what it is to be: a
// stream that just ends, however well, may have been cut.
type marked struct {
	stream grpc.ServerStreamingClient[pluginv1.StateSnapshotChunk]
	failed func(error) error
	pluginrpc.Arriving
	sum uint32 // CRC-32 (IEEE)
	res pluginv1.StateSnapshotChunk
}

// next receives a chunk, or the end mark and the end of the stream after it.
func (m *marked) next() (chunk []byte, last bool, err error) {
	err = m.receive()
	switch n := len(m.res.Chunk); {
	case errors.Is(err, io.EOF):
		return nil, false, pluginrpc.BadAnswer("the stream ended after %d bytes without an end mark", m.Received)
	case err != nil:
		return nil, false, m.failed(err)
	case m.res.Done && n > 0:
		return nil, false, pluginrpc.BadAnswer("an end mark with a chunk of %d bytes", n)
	case m.res.Done:
		return nil, true, m.end()
	}
	m.sum = crc32.Update(m.sum, crc32.IEEETable, m.res.Chunk)
	return m.res.Chunk, false, m.Add(m.res.Chunk)
}

func (m *marked) receive() error {
	m.res = pluginv1.StateSnapshotChunk{Chunk: m.res.Chunk[:0]} // the next takes its place
	return m.stream.RecvMsg(&m.res)
}

// end holds the chunks against the end mark, after which nothing comes.
func (m *marked) end() error {
	switch mark := &m.res; {
	case mark.Length != m.Received:
		return pluginrpc.BadAnswer("%d bytes came of a snapshot of %d", m.Received, mark.Length)
	case mark.Crc32 != m.sum:
		return pluginrpc.BadAnswer("the %d bytes that came have CRC-32 %08x, the snapshot has %08x", m.Received, m.sum, mark.Crc32)
	}
	err := m.receive()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return m.failed(err)
	}
	return pluginrpc.BadAnswer("%d bytes behind the end mark", len(m.res.Chunk))
}

// Release implements statemachine.Snapshot. It waits for the plugin for an
// election timeout at most; a plugin that does not answer loses the snapshot
// with its process.
func (s *snapshot) Release() {
	if s.taken.Swap(true) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.opened.Election)
	defer cancel()
	stream, err := s.client.rpc.SaveSnapshot(ctx, &pluginv1.StateSnapshotRequest{Call: s.opened.Call, Snapshot: s.id, Discard: true})
	if err == nil {
		_, _ = stream.Recv()
	}
}
