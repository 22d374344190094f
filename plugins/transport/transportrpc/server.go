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
	s := &Server{backend: backend, end: pluginrpc.PluginEnd{Table: errorTable()}, streaming: pluginrpc.NewTurn(), losses: losses{logger: slog.New(slog.DiscardHandler)}}
	pluginv1.RegisterTransportServer(r, s)
	return s
}

// Server is the plugin's end of the transport contract.
type Server struct {
	pluginv1.UnimplementedTransportServer
	backend transport.Transport
	end     pluginrpc.PluginEnd
	inbound atomic.Pointer[inbound]
	dropped atomic.Uint64
	losses  losses // of the goroutine that has the turn of streaming
	// streaming is the turn of the Raft stream, for which no other waits.
	streaming pluginrpc.Turn
}

// LogTo gives the server a log. It is called before the server serves.
func (s *Server) LogTo(logger *slog.Logger) { s.losses.logger = logger }

// Dropped is how many messages and events did not fit the queue to the host.
func (s *Server) Dropped() uint64 { return s.dropped.Load() }

// Open implements pluginv1.TransportServer.
func (s *Server) Open(ctx context.Context, req *pluginv1.TransportOpenRequest) (*pluginv1.TransportOpenResponse, error) {
	return pluginrpc.AnswerOpen(&s.end, req.Options, func(opts plugins.Options) (*pluginv1.TransportOpenResponse, error) {
		q := newInbound(pluginrpc.NewOpened(opts), &s.dropped)
		address, err := s.backend.Open(ctx, transport.Options{Options: opts, Listen: req.Listen, Advertise: req.Advertise}, q)
		if err != nil {
			q.close()
			return nil, err
		}
		s.inbound.Store(q)
		return &pluginv1.TransportOpenResponse{Address: address}, nil
	})
}

// SetPeers implements pluginv1.TransportServer.
func (s *Server) SetPeers(ctx context.Context, req *pluginv1.SetPeersRequest) (*pluginv1.SetPeersResponse, error) {
	return pluginrpc.Answer(&s.end, req, func() (*pluginv1.SetPeersResponse, error) {
		set := transport.PeerSet{Self: transport.Greeting(req.Self), Peers: req.Peers, Removed: req.Removed, Joining: req.Joining}
		return &pluginv1.SetPeersResponse{}, s.backend.SetPeers(ctx, set)
	})
}

// Ping implements pluginv1.TransportServer.
func (s *Server) Ping(ctx context.Context, req *pluginv1.PingRequest) (*pluginv1.PingResponse, error) {
	return pluginrpc.Answer(&s.end, req, func() (*pluginv1.PingResponse, error) {
		return &pluginv1.PingResponse{}, transport.PingOf(ctx, s.backend, req.Peer)
	})
}

// Close implements pluginv1.TransportServer.
func (s *Server) Close(ctx context.Context, req *pluginv1.CloseRequest) (*pluginv1.CloseResponse, error) {
	return pluginrpc.AnswerClose(&s.end, req, func() error {
		if q := s.inbound.Load(); q != nil {
			q.close() // before the backend waits for its handler calls
		}
		return s.backend.Close(ctx)
	})
}

type raftStream = grpc.BidiStreamingServer[pluginv1.RaftOutbound, pluginv1.RaftInbound]

// Raft implements pluginv1.TransportServer. One goroutine hands messages to
// the backend, this one sends what the backend delivers.
func (s *Server) Raft(stream raftStream) error {
	return s.end.Table.Status(s.raft(stream))
}

func (s *Server) raft(stream raftStream) error {
	select {
	case s.streaming <- struct{}{}:
		defer s.streaming.Give()
	default:
		return fmt.Errorf("a raft stream is open: %w", plugins.ErrInvalidArgument)
	}
	first, _, err := pluginrpc.First[pluginv1.RaftOutbound](&s.end, stream)
	if err != nil {
		return err
	}
	read := make(chan error, 1)
	q := s.inbound.Load()
	base := q.begin()
	go func() { read <- s.forward(stream, first, q, base) }()
	return s.pump(stream, q, read)
}

// forward hands messages to the backend until the host closes its half. base
// is the number of the last message before this stream's first.
func (s *Server) forward(stream raftStream, req *pluginv1.RaftOutbound, q *inbound, base uint64) error {
	for {
		if _, err := s.end.Check(req.Call); err != nil {
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
