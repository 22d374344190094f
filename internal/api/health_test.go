package api_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/pontoon-raft/pontoon/internal/api"
)

const (
	serving    = grpc_health_v1.HealthCheckResponse_SERVING
	notServing = grpc_health_v1.HealthCheckResponse_NOT_SERVING
)

func TestHealthFollowsReadiness(t *testing.T) {
	svc := &fakeService{}
	s := start(t, api.Options{Service: svc, Limits: api.Limits{HealthInterval: time.Millisecond}})
	h := grpc_health_v1.NewHealthClient(dial(t, s))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, name := range []string{"", "pontoon.host.v1.Host"} {
		check := func() grpc_health_v1.HealthCheckResponse_ServingStatus {
			t.Helper()
			resp, err := h.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: name})
			if err != nil {
				t.Fatal(err)
			}
			return resp.GetStatus()
		}
		if got := check(); got != serving {
			t.Errorf("Check(%q) = %v while ready", name, got)
		}
		watch, err := h.Watch(ctx, &grpc_health_v1.HealthCheckRequest{Service: name})
		if err != nil {
			t.Fatal(err)
		}
		expectHealth(t, watch, serving)
		svc.set(func(f *fakeService) { f.ready = errors.New("no leader") })
		if got := check(); got != notServing {
			t.Errorf("Check(%q) = %v at once after the leader is gone", name, got)
		}
		expectHealth(t, watch, notServing)
		svc.set(func(f *fakeService) { f.ready = nil })
		expectHealth(t, watch, serving)
	}
	if _, err := h.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "other"}); status.Code(err) != codes.NotFound {
		t.Errorf("Check(unknown service) = %v", err)
	}
}

func expectHealth(t *testing.T, watch grpc_health_v1.Health_WatchClient, want grpc_health_v1.HealthCheckResponse_ServingStatus) {
	t.Helper()
	got, err := watch.Recv()
	if err != nil || got.GetStatus() != want {
		t.Fatalf("watch says %v, %v, want %v", got.GetStatus(), err, want)
	}
}

// TestWatchersDoNotHoldUpAStop: a health watcher and a reflection client hang
// on for as long as they can.
func TestWatchersDoNotHoldUpAStop(t *testing.T) {
	s := start(t, api.Options{Service: &fakeService{}})
	conn := dial(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	watch, err := grpc_health_v1.NewHealthClient(conn).Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	expectHealth(t, watch, serving)
	s.Drain()
	expectHealth(t, watch, notServing)

	reflect, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := reflect.Send(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "pontoon.host.v1.Host"},
	}); err != nil {
		t.Fatal(err)
	}
	if resp, err := reflect.Recv(); err != nil || len(resp.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
		t.Fatalf("reflection of the service = %v, %v", resp, err)
	}
	if err := s.Stop(context.Background()); err != nil {
		t.Errorf("Stop() = %v", err)
	}
}
