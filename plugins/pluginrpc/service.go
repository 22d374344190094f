package pluginrpc

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
)

// maxMetricsBytes is the most metrics that are sent; a plugin that has more
// sends none.
const maxMetricsBytes = 1 << 20

// Service is what a plugin's process offers beside its kind's contract.
type Service struct {
	// Info is what Describe answers.
	Info plugins.Info
	// SetLogLevel, if not nil, is told what the host wants to see.
	SetLogLevel func(slog.Level)
	// Metrics, if not nil, returns metrics in Prometheus text format. It must
	// return quickly: probes wait for it.
	Metrics func() []byte
	// SetLeadership, if not nil, is told who leads. It must return quickly: probes
	// wait for it.
	SetLeadership func(plugins.Leadership)
	// Busy, if not nil, says what the plugin is at. It must return quickly: probes wait
	// for it.
	Busy func() plugins.Busy
}

// Register serves s.
func (s Service) Register(r grpc.ServiceRegistrar) {
	pluginv1.RegisterPluginServer(r, &pluginServer{service: s, table: NewTable()})
}

type pluginServer struct {
	pluginv1.UnimplementedPluginServer
	service Service
	table   *Table
}

// Describe implements pluginv1.PluginServer.
func (s *pluginServer) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	return describeResponse(s.service.Info), nil
}

// Session implements pluginv1.PluginServer: requests are answered in order.
func (s *pluginServer) Session(stream grpc.BidiStreamingServer[pluginv1.SessionRequest, pluginv1.SessionResponse]) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		res, err := s.answer(req)
		if err != nil {
			return s.table.Status(err)
		}
		if err := stream.Send(res); err != nil {
			return err
		}
	}
}

func (s *pluginServer) answer(req *pluginv1.SessionRequest) (*pluginv1.SessionResponse, error) {
	res := &pluginv1.SessionResponse{Seq: req.Seq}
	if req.LogLevel != "" {
		level, err := parseLevel(req.LogLevel)
		if err != nil {
			return nil, err
		}
		if s.service.SetLogLevel != nil {
			s.service.SetLogLevel(level)
		}
	}
	if l := req.Leadership; l != nil && s.service.SetLeadership != nil {
		s.service.SetLeadership(plugins.Leadership{Group: l.Group, Term: l.Term, Leader: l.Leader, Leads: l.Leads, Ready: l.Ready, Transferring: l.Transferring})
	}
	if req.Metrics && s.service.Metrics != nil {
		if text := s.service.Metrics(); len(text) <= maxMetricsBytes {
			res.Metrics = text
		}
	}
	if s.service.Busy != nil {
		res.Busy = busyOf(s.service.Busy())
	}
	return res, nil
}
