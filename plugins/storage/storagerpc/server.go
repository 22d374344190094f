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

// Register serves backend.
func Register(r grpc.ServiceRegistrar, backend storage.Storage) {
	pluginv1.RegisterStorageServer(r, &server{
		backend:   backend,
		end:       pluginrpc.PluginEnd{Table: errorTable()},
		appending: pluginrpc.NewTurn(),
	})
}

type server struct {
	pluginv1.UnimplementedStorageServer
	backend storage.Storage
	end     pluginrpc.PluginEnd
	// appending is the turn of Append streams: the contract has one appender at a
	// time.
	appending pluginrpc.Turn
}

// Open implements pluginv1.StorageServer.
func (s *server) Open(ctx context.Context, req *pluginv1.StorageOpenRequest) (*pluginv1.StorageOpenResponse, error) {
	return pluginrpc.AnswerOpen(&s.end, req.Options, func(opts plugins.Options) (*pluginv1.StorageOpenResponse, error) {
		state, err := s.backend.Open(ctx, opts)
		return &pluginv1.StorageOpenResponse{
			StoreId:    state.StoreID,
			HardState:  state.HardState,
			Snapshots:  state.Snapshots,
			FirstIndex: state.FirstIndex,
			LastIndex:  state.LastIndex,
			Terms:      state.Terms,
		}, err
	})
}

// Read implements pluginv1.StorageServer. A long answer is read and sent
// piece by piece, so that it is never in memory as a whole.
func (s *server) Read(req *pluginv1.ReadRequest, stream grpc.ServerStreamingServer[pluginv1.ReadResponse]) error {
	return s.end.Stream(req, func(o *pluginrpc.Opened) error {
		return s.read(req, stream, o.Limits.BatchBytes())
	})
}

func (s *server) read(req *pluginv1.ReadRequest, stream grpc.ServerStreamingServer[pluginv1.ReadResponse], piece uint64) error {
	budget := req.MaxBytes
	for lo := req.Lo; ; {
		entries, err := s.backend.Read(stream.Context(), lo, req.Hi, min(budget, piece))
		if err != nil {
			return err
		}
		size := uint64(0)
		for i := range entries {
			size += uint64(len(entries[i].Data))
		}
		if lo != req.Lo && size > budget {
			return nil // one entry that would exceed what was asked for
		}
		if len(entries) > 0 {
			if err := stream.Send(&pluginv1.ReadResponse{Entries: entries}); err != nil {
				return err
			}
		}
		lo += uint64(len(entries))
		if len(entries) == 0 || lo >= req.Hi || budget <= piece || size >= budget {
			return nil
		}
		budget -= size
	}
}

// Compact implements pluginv1.StorageServer.
func (s *server) Compact(ctx context.Context, req *pluginv1.CompactRequest) (*pluginv1.CompactResponse, error) {
	return pluginrpc.Answer(&s.end, req, func() (*pluginv1.CompactResponse, error) {
		first, err := s.backend.Compact(ctx, req.Index)
		return &pluginv1.CompactResponse{FirstIndex: first}, err
	})
}

// ListSnapshots implements pluginv1.StorageServer.
func (s *server) ListSnapshots(ctx context.Context, req *pluginv1.ListSnapshotsRequest) (*pluginv1.ListSnapshotsResponse, error) {
	return pluginrpc.Answer(&s.end, req, func() (*pluginv1.ListSnapshotsResponse, error) {
		infos, err := s.backend.ListSnapshots(ctx)
		return &pluginv1.ListSnapshotsResponse{Snapshots: infos}, err
	})
}

// Space implements pluginv1.StorageServer.
func (s *server) Space(ctx context.Context, req *pluginv1.SpaceRequest) (*pluginv1.SpaceResponse, error) {
	return pluginrpc.Answer(&s.end, req, func() (*pluginv1.SpaceResponse, error) {
		space, err := storage.SpaceOf(ctx, s.backend)
		return &pluginv1.SpaceResponse{Short: space.Short, Detail: space.Detail}, err
	})
}

// InstallSnapshot implements pluginv1.StorageServer. The install is finished even if
// the caller goes away: half of one must not depend on the network.
func (s *server) InstallSnapshot(ctx context.Context, req *pluginv1.InstallSnapshotRequest) (*pluginv1.InstallSnapshotResponse, error) {
	return pluginrpc.Answer(&s.end, req, func() (*pluginv1.InstallSnapshotResponse, error) {
		err := s.backend.InstallSnapshot(context.WithoutCancel(ctx), req.Index, req.HardState)
		return &pluginv1.InstallSnapshotResponse{}, err
	})
}

// Close implements pluginv1.StorageServer.
func (s *server) Close(ctx context.Context, req *pluginv1.CloseRequest) (*pluginv1.CloseResponse, error) {
	return pluginrpc.AnswerClose(&s.end, req, func() error { return s.backend.Close(ctx) })
}

// SaveSnapshot implements pluginv1.StorageServer.
func (s *server) SaveSnapshot(stream grpc.ClientStreamingServer[pluginv1.SaveSnapshotRequest, pluginv1.SaveSnapshotResponse]) error {
	return pluginrpc.AnswerUpload(&s.end, stream, saveParts, func(first *pluginv1.SaveSnapshotRequest, in *pluginrpc.Chunks[pluginv1.SaveSnapshotRequest]) (*pluginv1.SaveSnapshotResponse, error) {
		w, err := s.backend.CreateSnapshot(stream.Context(), first.Header.Metadata, first.Header.Received)
		if err != nil {
			return nil, err
		}
		info, err := saveChunks(in.Reader(), w)
		if err != nil {
			return nil, errors.Join(err, w.Abort())
		}
		return &pluginv1.SaveSnapshotResponse{Info: info}, nil
	})
}

// saveChunks writes what comes, and commits it after its end.
func saveChunks(r *pluginrpc.ChunkReader, w storage.SnapshotWriter) (storage.SnapshotInfo, error) {
	if _, err := r.WriteTo(w); errors.Is(r.Err(), io.ErrUnexpectedEOF) {
		return storage.SnapshotInfo{}, fmt.Errorf("snapshot was abandoned: %w", context.Canceled)
	} else if err != nil {
		return storage.SnapshotInfo{}, err
	}
	return w.Commit()
}

func saveParts(m *pluginv1.SaveSnapshotRequest) (header bool, chunk *[]byte, end **pluginv1.StreamEnd) {
	return m.Header != nil, &m.Chunk, &m.End
}

// OpenSnapshot implements pluginv1.StorageServer.
func (s *server) OpenSnapshot(req *pluginv1.OpenSnapshotRequest, stream grpc.ServerStreamingServer[pluginv1.OpenSnapshotResponse]) error {
	return s.end.Stream(req, func(o *pluginrpc.Opened) error {
		r, err := s.backend.OpenSnapshot(stream.Context(), req.Index)
		if err != nil {
			return err
		}
		return errors.Join(sendChunks(stream, r, o.Limits.ChunkBytes()), r.Close())
	})
}

func sendChunks(stream grpc.ServerStreamingServer[pluginv1.OpenSnapshotResponse], r storage.SnapshotReader, maxChunk uint64) error {
	info := r.Info()
	if err := stream.Send(&pluginv1.OpenSnapshotResponse{Header: &info}); err != nil {
		return err
	}
	var res pluginv1.OpenSnapshotResponse
	end, err := pluginrpc.SendChunks(r, maxChunk, func(chunk []byte) error {
		res.Chunk = chunk
		return stream.SendMsg(&res)
	})
	if err != nil {
		return err
	}
	return stream.Send(&pluginv1.OpenSnapshotResponse{End: end})
}
