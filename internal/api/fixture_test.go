package api_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/await"
)

// start serves svc on loopback until the test ends.
func start(t testing.TB, o api.Options) *api.Server {
	t.Helper()
	o.Limits = api.Tabled(o.Limits)
	s := api.New(o)
	if err := s.Listen("127.0.0.1:0", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.Stop(ctx)
		if err := <-served; err != nil {
			t.Errorf("Serve() = %v", err)
		}
	})
	return s
}

// dial connects to s with gRPC until the test ends. As for the clients of package client,
// what a stream or a connection takes without being read does not grow.
func dial(t testing.TB, s *api.Server) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+s.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStaticStreamWindowSize(64<<10), grpc.WithStaticConnWindowSize(64<<10))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func hostClient(t testing.TB, s *api.Server) hostv1.HostClient {
	t.Helper()
	return hostv1.NewHostClient(dial(t, s))
}

// within fails the test unless cond becomes true in time.
func within(t testing.TB, what string, cond func() bool) {
	t.Helper()
	await.That(t, 10*time.Second, what, cond)
}
