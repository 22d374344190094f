package transportrpc_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/transport/transportrpc"
)

// lateConn is a connection on which the sending of a snapshot does not notice that
// its caller has given up.
type lateConn struct{ grpc.ClientConnInterface }

func (c lateConn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if method == pluginv1.Transport_SendSnapshot_FullMethodName {
		ctx = context.WithoutCancel(ctx)
	}
	return c.ClientConnInterface.NewStream(ctx, desc, method, opts...)
}

// lastRead is a source that ends, and whose caller gives up while it does.
type lastRead struct{ giveUp func() }

func (l lastRead) Read([]byte) (int, error) {
	l.giveUp()
	return 0, io.EOF
}

// A snapshot that its caller has given up does not get its end, however late its
// stream notices that.
// Rule TR-37.
func TestASnapshotThatWasGivenUpDoesNotEnd(t *testing.T) {
	plugin := &liar{address: "a:1"}
	conn := rpctest.Dial(t, func(r grpc.ServiceRegistrar) { pluginv1.RegisterTransportServer(r, plugin) })
	c := transportrpc.NewClient(lateConn{conn}, plugins.Info{})
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	if _, err := c.Open(t.Context(), options(), newRecorder()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	// The plugin accepts what comes to its end, so nil says that the end was sent.
	if err := c.SendSnapshot(ctx, header(), lastRead{cancel}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
