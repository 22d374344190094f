package storagerpc_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagerpc"
)

// liar answers what a test tells it to, in place of a storage plugin.
type liar struct {
	pluginv1.UnimplementedStorageServer
	open    pluginv1.StorageOpenResponse
	acks    []uint64 // sent after the first batch; then the stream ends
	read    []pluginv1.ReadResponse
	first   uint64
	list    []storage.SnapshotInfo
	saved   storage.SnapshotInfo
	early   bool // answers SaveSnapshot before its end
	opened  []pluginv1.OpenSnapshotResponse
	holdEnd bool // does not end Append by itself
	space   pluginv1.SpaceResponse
}

func (l *liar) Space(context.Context, *pluginv1.SpaceRequest) (*pluginv1.SpaceResponse, error) {
	return &l.space, nil
}

func (l *liar) Open(context.Context, *pluginv1.StorageOpenRequest) (*pluginv1.StorageOpenResponse, error) {
	return &l.open, nil
}

func (l *liar) Append(stream grpc.BidiStreamingServer[pluginv1.AppendRequest, pluginv1.AppendResponse]) error {
	if _, err := stream.Recv(); err != nil {
		return err
	}
	for _, seq := range l.acks {
		if err := stream.Send(&pluginv1.AppendResponse{Seq: seq}); err != nil {
			return err
		}
	}
	for l.holdEnd {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (l *liar) Read(_ *pluginv1.ReadRequest, stream grpc.ServerStreamingServer[pluginv1.ReadResponse]) error {
	for i := range l.read {
		if err := stream.Send(&l.read[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l *liar) Compact(context.Context, *pluginv1.CompactRequest) (*pluginv1.CompactResponse, error) {
	return &pluginv1.CompactResponse{FirstIndex: l.first}, nil
}

func (l *liar) ListSnapshots(context.Context, *pluginv1.ListSnapshotsRequest) (*pluginv1.ListSnapshotsResponse, error) {
	return &pluginv1.ListSnapshotsResponse{Snapshots: l.list}, nil
}

func (l *liar) SaveSnapshot(stream grpc.ClientStreamingServer[pluginv1.SaveSnapshotRequest, pluginv1.SaveSnapshotResponse]) error {
	for !l.early {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
	}
	return stream.SendAndClose(&pluginv1.SaveSnapshotResponse{Info: l.saved})
}

func (l *liar) OpenSnapshot(_ *pluginv1.OpenSnapshotRequest, stream grpc.ServerStreamingServer[pluginv1.OpenSnapshotResponse]) error {
	for i := range l.opened {
		if err := stream.Send(&l.opened[i]); err != nil {
			return err
		}
	}
	return nil
}

// goodOpen is the answer of a store with the log [4,9]: entry 3 of term 2 was
// compacted into the snapshot at 5.
func goodOpen() pluginv1.StorageOpenResponse {
	return pluginv1.StorageOpenResponse{
		StoreId:    1,
		HardState:  storage.HardState{Term: 7, Vote: 1, Commit: 8},
		FirstIndex: 4, LastIndex: 9,
		Terms:     []storage.TermBoundary{{Index: 3, Term: 2}, {Index: 6, Term: 5}},
		Snapshots: []storage.SnapshotInfo{snapshotInfo(3, 2, 10), snapshotInfo(5, 2, 10)},
	}
}

func snapshotInfo(index, term, size uint64) storage.SnapshotInfo {
	return storage.SnapshotInfo{Metadata: storage.SnapshotMetadata{Index: index, Term: term}, Bytes: size}
}

func options() plugins.Options {
	return plugins.Options{ClusterID: 1, NodeID: 1, Group: 1, Incarnation: 1}
}

// dial returns the client of l, opened.
func (l *liar) dial(t *testing.T) *storagerpc.Client {
	t.Helper()
	c := storagerpc.NewClient(l.conn(t), plugins.Info{})
	l.open = goodOpen()
	if _, err := c.Open(t.Context(), options()); err != nil {
		t.Fatal(err)
	}
	return c
}

func (l *liar) conn(t *testing.T) *grpc.ClientConn {
	return rpctest.Dial(t, func(r grpc.ServiceRegistrar) { pluginv1.RegisterStorageServer(r, l) })
}
