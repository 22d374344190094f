package storagerpc

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// CreateSnapshot implements storage.Storage. A refusal by the plugin shows at
// the latest in Commit.
func (c *Client) CreateSnapshot(ctx context.Context, meta storage.SnapshotMetadata, received bool) (storage.SnapshotWriter, error) {
	o, err := c.end.Opened()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &snapshotWriter{ctx: ctx, cancel: cancel, table: c.end.Table, meta: meta}
	w.chunks = pluginrpc.ChunkWriter{Most: int(o.Limits.ChunkBytes()), Send: w.sendChunk}
	stream, err := c.rpc.SaveSnapshot(ctx)
	if err == nil {
		w.stream = stream
		err = w.send(&pluginv1.SaveSnapshotRequest{Call: o.Call, Header: &pluginv1.SaveSnapshotHeader{Metadata: meta, Received: received}})
	} else {
		err = c.end.Table.Error(ctx, err)
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("create snapshot %d: %w", meta.Index, err)
	}
	return w, nil
}

// snapshotWriter is one SaveSnapshot stream.
type snapshotWriter struct {
	ctx    context.Context
	cancel context.CancelFunc
	table  *pluginrpc.Table
	stream grpc.ClientStreamingClient[pluginv1.SaveSnapshotRequest, pluginv1.SaveSnapshotResponse]
	meta   storage.SnapshotMetadata
	chunks pluginrpc.ChunkWriter
	sent   pluginrpc.Sum
	req    pluginv1.SaveSnapshotRequest // of Write
	ended  error
}

// Write implements io.Writer; it cuts p into chunks.
func (w *snapshotWriter) Write(p []byte) (int, error) {
	n, err := w.chunks.Write(p)
	if err != nil {
		return n, fmt.Errorf("write snapshot %d at %d: %w", w.meta.Index, w.sent.Bytes(), err)
	}
	return n, nil
}

// sendChunk is what chunks sends with.
func (w *snapshotWriter) sendChunk(chunk []byte) error {
	w.req.Chunk = chunk
	err := w.send(&w.req)
	w.req.Chunk = nil
	if err == nil {
		w.sent.Add(chunk)
	}
	return err
}

// Commit implements storage.SnapshotWriter.
func (w *snapshotWriter) Commit() (storage.SnapshotInfo, error) {
	info, err := w.commit()
	if err != nil {
		return storage.SnapshotInfo{}, fmt.Errorf("commit snapshot %d: %w", w.meta.Index, err)
	}
	return info, nil
}

func (w *snapshotWriter) commit() (storage.SnapshotInfo, error) {
	if err := w.send(&pluginv1.SaveSnapshotRequest{End: w.sent.End()}); err != nil {
		return storage.SnapshotInfo{}, err
	}
	w.ended = fmt.Errorf("snapshot is committed: %w", plugins.ErrClosed)
	defer w.cancel()
	res, err := w.stream.CloseAndRecv()
	if err != nil {
		return storage.SnapshotInfo{}, w.table.Error(w.ctx, err)
	}
	got := res.Info
	if got.Metadata.Index != w.meta.Index || got.Metadata.Term != w.meta.Term || got.Bytes != w.sent.Bytes() {
		return storage.SnapshotInfo{}, pluginrpc.Breach("ST-26", "committed index %d term %d of %d bytes, sent index %d term %d of %d",
			got.Metadata.Index, got.Metadata.Term, got.Bytes, w.meta.Index, w.meta.Term, w.sent.Bytes())
	}
	return got, checkInfo(got)
}

// Abort implements storage.SnapshotWriter. It waits for the plugin to have
// removed what was written.
func (w *snapshotWriter) Abort() error {
	if w.ended != nil {
		return nil
	}
	w.ended = fmt.Errorf("snapshot is aborted: %w", plugins.ErrClosed)
	defer w.cancel()
	_, err := w.stream.CloseAndRecv()
	switch err = w.table.Error(w.ctx, err); {
	case err == nil:
		return fmt.Errorf("abort snapshot %d: %w", w.meta.Index, pluginrpc.Breach("ST-27", "snapshot was committed"))
	case errors.Is(err, context.Canceled):
		return nil // the plugin's word for an abandoned snapshot
	default:
		return fmt.Errorf("abort snapshot %d: %w", w.meta.Index, err)
	}
}

// send sends one message. If the stream has ended it finds out why.
func (w *snapshotWriter) send(req *pluginv1.SaveSnapshotRequest) error {
	if w.ended != nil {
		return w.ended
	}
	err := w.stream.Send(req)
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) {
		if err = w.stream.RecvMsg(new(pluginv1.SaveSnapshotResponse)); err == nil {
			err = pluginrpc.Breach("ST-26", "answer before the snapshot was complete")
		}
	}
	w.ended = w.table.Error(w.ctx, err)
	w.cancel()
	return w.ended
}

// OpenSnapshot implements storage.Storage.
func (c *Client) OpenSnapshot(ctx context.Context, index uint64) (storage.SnapshotReader, error) {
	o, err := c.end.Opened()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &snapshotReader{cancel: cancel}
	if err := r.open(ctx, c, &pluginv1.OpenSnapshotRequest{Call: o.Call, Index: index}, o.Limits.MaxChunkBytes); err != nil {
		cancel()
		return nil, fmt.Errorf("open snapshot %d: %w", index, err)
	}
	return r, nil
}

// snapshotReader is one OpenSnapshot stream.
type snapshotReader struct {
	*pluginrpc.ChunkReader
	cancel context.CancelFunc
	info   storage.SnapshotInfo
}

// open waits for the header, which says what the snapshot is.
func (r *snapshotReader) open(ctx context.Context, c *Client, req *pluginv1.OpenSnapshotRequest, maxChunk uint64) error {
	stream, err := c.rpc.OpenSnapshot(ctx, req)
	if err != nil {
		return c.end.Table.Error(ctx, err)
	}
	in := pluginrpc.Arriving(ctx, c.end.Table, stream, maxChunk, openParts).Alone()
	first, err := in.Header()
	if err != nil {
		return err
	}
	r.info = *first.Header
	if err := checkInfo(r.info); err != nil {
		return err
	}
	if req.Index != 0 && r.info.Metadata.Index != req.Index {
		return pluginrpc.Breach("ST-31", "snapshot %d, asked for %d", r.info.Metadata.Index, req.Index)
	}
	in.Announced(r.info.Bytes)
	r.ChunkReader = in.ReaderOf(fmt.Sprintf("read of snapshot %d", r.info.Metadata.Index))
	return nil
}

func openParts(m *pluginv1.OpenSnapshotResponse) (header bool, chunk *[]byte, end **pluginv1.StreamEnd) {
	return m.Header != nil, &m.Chunk, &m.End
}

// Info implements storage.SnapshotReader.
func (r *snapshotReader) Info() storage.SnapshotInfo { return r.info }

// Close implements io.Closer. It may be called before the end.
func (r *snapshotReader) Close() error {
	r.cancel()
	r.End(fmt.Errorf("snapshot reader: %w", plugins.ErrClosed))
	return nil
}
