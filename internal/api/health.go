package api

import (
	"context"
	"time"

	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// healthService is gRPC's health service for the host as a whole ("") and for
// its one service: SERVING while the host is ready. Checks look at once,
// watchers are told within an interval.
type healthService struct {
	*health.Server
	svc server.Service
	end *ending
}

func newHealthService(svc server.Service, end *ending) *healthService {
	h := &healthService{Server: health.NewServer(), svc: svc, end: end}
	h.refresh()
	return h
}

// ready is why the host is not ready, or nil.
func (h *healthService) ready() error {
	if err := h.end.refusal(); err != nil {
		return err
	}
	return h.svc.Ready()
}

func (h *healthService) refresh() {
	status := grpc_health_v1.HealthCheckResponse_SERVING
	if h.ready() != nil {
		status = grpc_health_v1.HealthCheckResponse_NOT_SERVING
	}
	h.SetServingStatus("", status)
	h.SetServingStatus(hostv1.Host_ServiceDesc.ServiceName, status)
}

// Check implements grpc_health_v1.HealthServer.
func (h *healthService) Check(ctx context.Context, req *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	h.refresh()
	return h.Server.Check(ctx, req)
}

// Watch implements grpc_health_v1.HealthServer.
func (h *healthService) Watch(req *grpc_health_v1.HealthCheckRequest, stream grpc_health_v1.Health_WatchServer) error {
	h.refresh()
	return h.Server.Watch(req, stream)
}

// run keeps watchers up to date until the server stops.
func (h *healthService) run(interval time.Duration) {
	for !pause.Until(h.end.stopping, interval) {
		h.refresh()
	}
	h.refresh()
}
