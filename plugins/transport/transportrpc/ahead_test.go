package transportrpc_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/transportrpc"
)

// boundless is a snapshot without end.
type boundless struct{ read atomic.Int64 }

func (e *boundless) Read(b []byte) (int, error) {
	e.read.Add(int64(len(b)))
	return len(b), nil
}

// readAheadLeast is what is read ahead at least.
const readAheadLeast = 1 << 20

// unread is a plugin that reads nothing of a snapshot, and says that it does not reach the
// peer when as much was read as the way to it holds: when no more is read, which a busy
// machine may be slow to begin.
type unread struct {
	liar
	of *boundless
}

func (u *unread) SendSnapshot(grpc.ClientStreamingServer[pluginv1.SendSnapshotRequest, pluginv1.SendSnapshotResponse]) error {
	table := pluginrpc.NewTable(pluginrpc.Mapping{Err: transport.ErrUnreachable, Code: codes.Unavailable, Reason: "PEER_UNREACHABLE"})
	for before := int64(-1); ; <-time.After(100 * time.Millisecond) {
		now := u.of.read.Load()
		if now == before && now >= readAheadLeast {
			return table.Status(transport.ErrUnreachable)
		}
		before = now
	}
}

// A snapshot that goes nowhere is read ahead, up to a bound: the sending host knows it.
func TestWhatIsReadAheadOfAPluginThatReadsNothing(t *testing.T) {
	source := &boundless{}
	plugin := &unread{liar{address: "a:1"}, source}
	conn := rpctest.Dial(t, func(r grpc.ServiceRegistrar) { pluginv1.RegisterTransportServer(r, plugin) })
	c := transportrpc.NewClient(conn, plugins.Info{})
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	if _, err := c.Open(t.Context(), options(), newRecorder()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel() // of a sender that reads less ahead
	if err := c.SendSnapshot(ctx, header(), source); !errors.Is(err, transport.ErrUnreachable) {
		t.Errorf("got %v, want %v", err, transport.ErrUnreachable)
	}
	if read := source.read.Load(); read > pluginrpc.UploadAhead {
		t.Errorf("%d bytes were read ahead, want %d at most", read, pluginrpc.UploadAhead)
	}
}
