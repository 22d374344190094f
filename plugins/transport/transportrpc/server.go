package transportrpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Register serves backend.
func Register(r grpc.ServiceRegistrar, backend transport.Transport) *Server {
	s := &Server{backend: backend, table: errorTable(), streaming: make(chan struct{}, 1), losses: losses{logger: slog.New(slog.DiscardHandler)}}
	pluginv1.RegisterTransportServer(r, s)
	return s
}

// Server is the plugin's end of the transport contract.
type Server struct {
	pluginv1.UnimplementedTransportServer
	backend transport.Transport
	table   *pluginrpc.Table
	gate    pluginrpc.Gate
	inbound atomic.Pointer[inbound]
	dropped atomic.Uint64
	losses  losses // of the goroutine that holds the token of streaming
	// streaming holds one token while a Raft stream is served.
	streaming chan struct{}
}

// LogTo gives the server a log. It is called before the server serves.
func (s *Server) LogTo(logger *slog.Logger) { s.losses.logger = logger }

// Dropped is how many messages and events did not fit the queue to the host.
func (s *Server) Dropped() uint64 { return s.dropped.Load() }

// Open implements pluginv1.TransportServer.
func (s *Server) Open(ctx context.Context, req *pluginv1.TransportOpenRequest) (*pluginv1.TransportOpenResponse, error) {
	var address string
	err := s.gate.Open(req.Options, func(opts plugins.Options) (err error) {
		q := newInbound(pluginrpc.NewOpened(opts), &s.dropped)
		address, err = s.backend.Open(ctx, transport.Options{Options: opts, Listen: req.Listen, Advertise: req.Advertise}, q)
		if err != nil {
			q.close()
			return err
		}
		s.inbound.Store(q)
		return nil
	})
	if err != nil {
		return nil, s.table.Status(err)
	}
	return &pluginv1.TransportOpenResponse{Address: address}, nil
}

// SetPeers implements pluginv1.TransportServer.
func (s *Server) SetPeers(ctx context.Context, req *pluginv1.SetPeersRequest) (*pluginv1.SetPeersResponse, error) {
	if _, err := s.gate.Check(req.Call); err != nil {
		return nil, s.table.Status(err)
	}
	set := transport.PeerSet{Self: transport.Greeting(req.Self), Peers: req.Peers, Removed: req.Removed, Joining: req.Joining}
	if err := s.backend.SetPeers(ctx, set); err != nil {
		return nil, s.table.Status(err)
	}
	return &pluginv1.SetPeersResponse{}, nil
}

// Ping implements pluginv1.TransportServer.
func (s *Server) Ping(ctx context.Context, req *pluginv1.PingRequest) (*pluginv1.PingResponse, error) {
	if _, err := s.gate.Check(req.Call); err != nil {
		return nil, s.table.Status(err)
	}
	if err := transport.PingOf(ctx, s.backend, req.Peer); err != nil {
		return nil, s.table.Status(err)
	}
	return &pluginv1.PingResponse{}, nil
}

// Close implements pluginv1.TransportServer.
func (s *Server) Close(ctx context.Context, req *pluginv1.CloseRequest) (*pluginv1.CloseResponse, error) {
	if err := s.gate.CheckClose(req.Call); err != nil {
		return nil, s.table.Status(err)
	}
	if q := s.inbound.Load(); q != nil {
		q.close() // before the backend waits for its handler calls
	}
	if err := s.backend.Close(ctx); err != nil {
		return nil, s.table.Status(err)
	}
	return &pluginv1.CloseResponse{}, nil
}

type raftStream = grpc.BidiStreamingServer[pluginv1.RaftOutbound, pluginv1.RaftInbound]

// Raft implements pluginv1.TransportServer. One goroutine hands messages to
// the backend, this one sends what the backend delivers.
func (s *Server) Raft(stream raftStream) error {
	select {
	case s.streaming <- struct{}{}:
		defer func() { <-s.streaming }()
	default:
		return s.table.Status(fmt.Errorf("a raft stream is open: %w", plugins.ErrInvalidArgument))
	}
	var first pluginv1.RaftOutbound
	if err := stream.RecvMsg(&first); err != nil {
		return s.table.Status(fmt.Errorf("raft stream without a call: %w", plugins.ErrInvalidArgument))
	}
	if _, err := s.gate.Check(first.Call); err != nil {
		return s.table.Status(err)
	}
	read := make(chan error, 1)
	q := s.inbound.Load()
	base := q.begin()
	go func() { read <- s.forward(stream, &first, q, base) }()
	return s.table.Status(s.pump(stream, q, read))
}

// forward hands messages to the backend until the host closes its half. base
// is the number of the last message before this stream's first.
func (s *Server) forward(stream raftStream, req *pluginv1.RaftOutbound, q *inbound, base uint64) error {
	for {
		if _, err := s.gate.Check(req.Call); err != nil {
			return err
		}
		if req.Heard > 0 {
			req.Envelopes = q.current(req.Envelopes, base+req.Heard-1)
		}
		if len(req.Envelopes) > 0 {
			if err := s.backend.Send(stream.Context(), req.Envelopes); err != nil {
				return err
			}
		}
		*req = pluginv1.RaftOutbound{} // its slices now belong to the backend
		if err := stream.RecvMsg(req); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// pump sends what waits in q until the stream, its other direction or the
// queue ends.
func (s *Server) pump(stream raftStream, q *inbound, read <-chan error) error {
	var m pluginv1.RaftInbound
	for {
		for q.take(&m) {
			err := stream.SendMsg(&m)
			q.recycle(&m)
			if err != nil {
				return err
			}
		}
		s.losses.tell(s.dropped.Load(), time.Now())
		select {
		case <-q.wake:
		case err := <-read:
			return err
		case <-q.ended:
			return q.reason()
		}
	}
}
