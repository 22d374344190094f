package transportrpc_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/transport/transportrpc"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// There is one Raft stream at a time. A second one is refused, and the first goes on.
// Rule TR-12.
func TestASecondRaftStreamIsRefused(t *testing.T) {
	for name, carrier := range rpctest.Carriers() {
		t.Run(name, func(t *testing.T) {
			backend := transporttest.NewNetwork().New()
			t.Cleanup(func() { _ = backend.Close(context.Background()) })
			client := pluginv1.NewTransportClient(carrier(t, func(r grpc.ServiceRegistrar) { transportrpc.Register(r, backend) }))
			wire := pluginrpc.WireOptions(options().Options)
			if _, err := client.Open(t.Context(), &pluginv1.TransportOpenRequest{Options: wire, Listen: options().Listen}); err != nil {
				t.Fatal(err)
			}
			call := pluginv1.Call{Group: wire.Group, Incarnation: wire.Incarnation}
			begin := func() pluginv1.Transport_RaftClient {
				stream, err := client.Raft(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if err := stream.Send(&pluginv1.RaftOutbound{Call: call}); err != nil && !errors.Is(err, io.EOF) { // refused before it
					t.Fatal(err)
				}
				return stream
			}
			first := begin()
			serves := func() {
				t.Helper()
				lost := []pluginv1.Envelope{{Group: wire.Group, From: wire.NodeId, To: 99}}
				if err := first.Send(&pluginv1.RaftOutbound{Call: call, Envelopes: lost}); err != nil {
					t.Fatal(err)
				}
				in, err := first.Recv()
				if err != nil || len(in.Events) != 1 || in.Events[0].Peer != 99 {
					t.Fatalf("%+v, %v, want the report of a message to an unknown peer", in, err)
				}
			}
			serves()
			if _, err := begin().Recv(); status.Code(err) != codes.InvalidArgument {
				t.Errorf("the second stream: %v, want %s", err, codes.InvalidArgument)
			}
			serves()
		})
	}
}
