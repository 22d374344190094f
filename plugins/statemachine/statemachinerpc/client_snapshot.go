package statemachinerpc

import (
	"context"
	"fmt"
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
	stream, err := s.client.rpc.SaveSnapshot(ctx, &pluginv1.StateSnapshotRequest{Call: s.opened.Call, Snapshot: s.id})
	if err != nil {
		return s.client.end.Table.Error(ctx, err)
	}
	// A stream that just ends, however well, may have been cut.
	in := pluginrpc.Arriving(ctx, s.client.end.Table, stream, s.opened.Limits.MaxChunkBytes, stateParts).Alone()
	_, err = in.Reader().WriteTo(w)
	return err
}

func stateParts(m *pluginv1.StateSnapshotChunk) (header bool, chunk *[]byte, end **pluginv1.StreamEnd) {
	return false, &m.Chunk, &m.End
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
