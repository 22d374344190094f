package pluginrecord

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a storage that acknowledges every batch, compacts what it is told to, and reads nothing.
type echo struct {
	pluginv1.UnimplementedStorageServer
}

func (echo) Compact(_ context.Context, req *pluginv1.CompactRequest) (*pluginv1.CompactResponse, error) {
	return &pluginv1.CompactResponse{FirstIndex: req.Index + 1}, nil
}

func (echo) Append(s grpc.BidiStreamingServer[pluginv1.AppendRequest, pluginv1.AppendResponse]) error {
	for {
		req, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.Send(&pluginv1.AppendResponse{Seq: req.Seq}); err != nil {
			return err
		}
	}
}

// recording is a recorder of a test, and a life of its plugin on each of its carriers.
type recording struct {
	*Recorder
	t    *testing.T
	path string
	life *RecordedLife
}

func record(t *testing.T, carrier rpctest.Carrier, options Options) *recording {
	t.Helper()
	if options.Path == "" {
		options.Path = filepath.Join(t.TempDir(), "dir", "record")
	}
	r := &recording{t: t, path: options.Path}
	conn := carrier(t, func(r grpc.ServiceRegistrar) { pluginv1.RegisterStorageServer(r, echo{}) })
	r.Recorder = New(options, Of{Kind: plugins.Storage, Host: "1.0", Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(r.Close)
	r.life = r.Life(conn, plugins.Info{Name: "echo", Version: "3"}, 77)
	return r
}

func (r *recording) client() pluginv1.StorageClient { return pluginv1.NewStorageClient(r.life) }

// append sends a batch with so many bytes and waits until it is acknowledged.
func (r *recording) append(s grpc.BidiStreamingClient[pluginv1.AppendRequest, pluginv1.AppendResponse], seq uint64, bytes int) {
	r.t.Helper()
	if err := s.Send(&pluginv1.AppendRequest{Seq: seq, Entries: []pluginv1.Entry{{Index: seq, Data: make([]byte, bytes)}}}); err != nil {
		r.t.Fatal(err)
	}
	if res, err := s.Recv(); err != nil || res.Seq != seq {
		r.t.Fatalf("answer %v, error %v", res, err)
	}
}

// series opens files.
func series(t *testing.T, paths ...string) (*Series, error) {
	t.Helper()
	files, err := OpenFiles(paths)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(files.Close)
	return files.Series()
}

// read returns the events of files, each as a line.
func read(t *testing.T, paths ...string) (lines []string, faults []error) {
	t.Helper()
	in, err := series(t, paths...)
	if err != nil {
		t.Fatal(err)
	}
	for {
		e, err := in.Next()
		if errors.Is(err, io.EOF) {
			return lines, in.Faults()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, brief(&e))
	}
}

// brief is an event in short: what it is, of which call, and how many bytes it has.
func brief(e *Event) string {
	var b strings.Builder
	b.WriteString(e.Kind.String())
	if e.Continued {
		b.WriteString(" goes on")
	}
	if e.Method != "" {
		b.WriteString(" " + e.Method[strings.LastIndexByte(e.Method, '/')+1:])
	}
	if e.Name != "" {
		b.WriteString(" " + e.Name + " " + e.Version)
	}
	return b.String()
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
