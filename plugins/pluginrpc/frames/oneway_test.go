package frames_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/frames"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
)

type (
	saving  = grpc.ClientStreamingServer[pluginv1.SaveSnapshotRequest, pluginv1.SaveSnapshotResponse]
	opening = grpc.ServerStreamingServer[pluginv1.OpenSnapshotResponse]
)

// snapshots is a storage service whose streams in one direction are functions of the test's.
type snapshots struct {
	pluginv1.UnimplementedStorageServer
	save func(saving) error
	open func(*pluginv1.OpenSnapshotRequest, opening) error
}

func (s snapshots) SaveSnapshot(stream saving) error { return s.save(stream) }

func (s snapshots) OpenSnapshot(req *pluginv1.OpenSnapshotRequest, stream opening) error {
	return s.open(req, stream)
}

// counts answers with how many bytes came.
func counts(stream saving) error {
	var info pluginv1.SnapshotInfo
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(&pluginv1.SaveSnapshotResponse{Info: info})
		}
		if err != nil {
			return err
		}
		info.Bytes += uint64(len(req.Chunk))
	}
}

// gives sends chunks of the asked for number of bytes, ten in all, and ends as failure says.
func gives(failure error) func(*pluginv1.OpenSnapshotRequest, opening) error {
	return func(req *pluginv1.OpenSnapshotRequest, stream opening) error {
		for range 10 {
			if err := stream.Send(&pluginv1.OpenSnapshotResponse{Chunk: make([]byte, req.Index)}); err != nil {
				return err
			}
		}
		return failure
	}
}

func onBothWith(t *testing.T, service snapshots, run func(*testing.T, pluginv1.StorageClient)) {
	for name, carrier := range rpctest.Carriers() {
		t.Run(name, func(t *testing.T) {
			conn := carrier(t, func(r grpc.ServiceRegistrar) { pluginv1.RegisterStorageServer(r, service) })
			run(t, pluginv1.NewStorageClient(conn))
		})
	}
}

func TestAStreamToThePluginHasOneAnswer(t *testing.T) {
	onBothWith(t, snapshots{save: counts}, func(t *testing.T, c pluginv1.StorageClient) {
		s, err := c.SaveSnapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{0, 1, 64 << 10, 256 << 10} {
			if err := s.Send(&pluginv1.SaveSnapshotRequest{Chunk: make([]byte, size)}); err != nil {
				t.Fatal(err)
			}
		}
		if res, err := s.CloseAndRecv(); err != nil || res.Info.Bytes != 1+(64+256)<<10 {
			t.Errorf("answer %v, error %v", res, err)
		}
		if err := s.RecvMsg(new(pluginv1.SaveSnapshotResponse)); err != io.EOF {
			t.Errorf("after the answer: %v", err)
		}
	})
}

// An answer with an error after it does not count: the plugin failed after it had
// answered.
func TestAnAnswerCountsWithItsStatus(t *testing.T) {
	fails := func(stream saving) error {
		_ = stream.SendAndClose(&pluginv1.SaveSnapshotResponse{})
		return status.Error(codes.DataLoss, "after all")
	}
	onBothWith(t, snapshots{save: fails}, func(t *testing.T, c pluginv1.StorageClient) {
		s, err := c.SaveSnapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.CloseAndRecv(); status.Code(err) != codes.DataLoss {
			t.Errorf("received: %v", err)
		}
	})
}

func TestAPluginThatRefusesASnapshotEarly(t *testing.T) {
	refuses := func(stream saving) error {
		_, _ = stream.Recv()
		return status.Error(codes.InvalidArgument, "no")
	}
	onBothWith(t, snapshots{save: refuses}, func(t *testing.T, c pluginv1.StorageClient) {
		s, err := c.SaveSnapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			err = s.Send(&pluginv1.SaveSnapshotRequest{Chunk: make([]byte, 256<<10)})
		}
		if err != io.EOF {
			t.Errorf("send: %v", err)
		}
		if _, err := s.CloseAndRecv(); status.Code(err) != codes.InvalidArgument {
			t.Errorf("receive: %v", err)
		}
	})
}

func TestAStreamFromThePlugin(t *testing.T) {
	lost := status.Error(codes.DataLoss, "a bad sector")
	for _, failure := range []error{nil, lost} {
		onBothWith(t, snapshots{open: gives(failure)}, func(t *testing.T, c pluginv1.StorageClient) {
			s, err := c.OpenSnapshot(t.Context(), &pluginv1.OpenSnapshotRequest{Index: 100 << 10})
			if err != nil {
				t.Fatal(err)
			}
			for range 10 {
				if res, err := s.Recv(); err != nil || len(res.Chunk) != 100<<10 {
					t.Fatalf("chunk of %d bytes, error %v", len(res.GetChunk()), err)
				}
			}
			want := codes.OK
			if failure != nil {
				want = codes.DataLoss
			}
			if _, err := s.Recv(); failure == nil && err != io.EOF || failure != nil && status.Code(err) != want {
				t.Errorf("end: %v, expected %v", err, want)
			}
		})
	}
}

// A host that gives a stream up while the plugin sends ends the plugin's sending.
func TestAHostThatStopsReading(t *testing.T) {
	ended := make(chan error, 1)
	endless := func(_ *pluginv1.OpenSnapshotRequest, stream opening) (err error) {
		for err == nil {
			err = stream.Send(&pluginv1.OpenSnapshotResponse{Chunk: make([]byte, 64<<10)})
		}
		ended <- err
		return err
	}
	onBothWith(t, snapshots{open: endless}, func(t *testing.T, c pluginv1.StorageClient) {
		ctx, cancel := context.WithCancel(t.Context())
		s, err := c.OpenSnapshot(ctx, &pluginv1.OpenSnapshotRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Recv(); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-ended; err == nil {
			t.Error("the plugin noticed nothing")
		}
		for err == nil {
			_, err = s.Recv() // what was on its way
		}
		if status.Code(err) != codes.Canceled {
			t.Errorf("host: %v", err)
		}
	})
}

// A handler that has nothing to send learns at once that its host has given up, where
// the host has one request.
func TestAHostThatGivesUpAStreamOnWhichNothingIsSent(t *testing.T) {
	began, ended := make(chan struct{}), make(chan error, 1)
	waits := func(_ *pluginv1.OpenSnapshotRequest, stream opening) error {
		began <- struct{}{}
		<-stream.Context().Done()
		ended <- stream.Context().Err()
		return nil
	}
	onBothWith(t, snapshots{open: waits}, func(t *testing.T, c pluginv1.StorageClient) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if _, err := c.OpenSnapshot(ctx, &pluginv1.OpenSnapshotRequest{}); err != nil {
			t.Fatal(err)
		}
		<-began
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
}

// A handler that does not wait for its host learns at once that the host has given up.
func TestAStreamOverGRPCIsCancelledAtOnce(t *testing.T) {
	ended := make(chan error, 1)
	waits := func(stream saving) error {
		<-stream.Context().Done()
		ended <- stream.Context().Err()
		return nil
	}
	onBothWith(t, snapshots{save: waits}, func(t *testing.T, c pluginv1.StorageClient) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s, err := c.SaveSnapshot(ctx, frames.OverGRPC())
		if err == nil {
			err = s.Send(&pluginv1.SaveSnapshotRequest{})
		}
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestAnOnlyAnswerOutOfTurn(t *testing.T) {
	const answer, ended = "\x00\x00\x00\x00\x02", "\x00\x00\x00\x00\x04"
	for name, c := range map[string]struct {
		wire string
		want codes.Code
	}{
		"no answer":                {ended, codes.Internal},
		"two answers":              {answer + answer + ended, codes.Internal},
		"no status behind it":      {answer, codes.Unavailable},
		"half a status":            {answer + "\x00\x00", codes.Unavailable},
		"an answer and its status": {answer + ended, codes.OK},
	} {
		conn, err := frames.NewConn(nil, plugins.Limits{}, func(context.Context) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				go func() { _, _ = io.Copy(io.Discard, far) }()
				_, _ = io.WriteString(far, c.wire)
				_ = far.Close()
			}()
			return near, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		s, err := pluginv1.NewStorageClient(conn).SaveSnapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.RecvMsg(new(pluginv1.SaveSnapshotResponse)); status.Code(err) != c.want {
			t.Errorf("%s: %v, expected %v", name, err, c.want)
		}
	}
}
