package statemachinerpc

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync/atomic"

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
	table := s.client.end.Table
	stream, err := s.client.rpc.SaveSnapshot(ctx, &pluginv1.StateSnapshotRequest{Call: s.opened.Call, Snapshot: s.id})
	if err != nil {
		return table.Error(ctx, err)
	}
	in := received{w: w, Arriving: pluginrpc.Arriving{MaxChunk: s.opened.Limits.MaxChunkBytes, Announced: pluginrpc.NotAnnounced}}
	var res pluginv1.StateSnapshotChunk
	for {
		res = pluginv1.StateSnapshotChunk{Chunk: res.Chunk[:0]} // the next takes its place
		err := stream.RecvMsg(&res)
		if errors.Is(err, io.EOF) {
			return in.ended()
		}
		if err != nil {
			return table.Error(ctx, err)
		}
		if err := in.take(&res); err != nil {
			return err
		}
	}
}

// received is what has come of a snapshot. The plugin's end mark says what it is
// to be: a stream that just ends, however well, may have been cut.
type received struct {
	pluginrpc.Arriving
	w      io.Writer
	sum    uint32 // CRC-32 (IEEE)
	marked bool
}

func (r *received) take(m *pluginv1.StateSnapshotChunk) error {
	n := uint64(len(m.Chunk))
	switch {
	case r.marked:
		return pluginrpc.BadAnswer("%d bytes behind the end mark", n)
	case m.Done && n > 0:
		return pluginrpc.BadAnswer("an end mark with a chunk of %d bytes", n)
	case m.Done:
		r.marked = true
		return r.check(m)
	}
	if err := r.Add(m.Chunk); err != nil {
		return err
	}
	r.sum = crc32.Update(r.sum, crc32.IEEETable, m.Chunk)
	_, err := r.w.Write(m.Chunk)
	return err
}

// check holds the chunks against the end mark.
func (r *received) check(mark *pluginv1.StateSnapshotChunk) error {
	if mark.Length != r.Received {
		return pluginrpc.BadAnswer("%d bytes came of a snapshot of %d", r.Received, mark.Length)
	}
	if mark.Crc32 != r.sum {
		return pluginrpc.BadAnswer("the %d bytes that came have CRC-32 %08x, the snapshot has %08x", r.Received, r.sum, mark.Crc32)
	}
	return nil
}

func (r *received) ended() error {
	if !r.marked {
		return pluginrpc.BadAnswer("the stream ended after %d bytes without an end mark", r.Received)
	}
	return nil
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
