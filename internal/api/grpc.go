package api

import (
	"context"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/server"
)

const (
	// A client that is silent for pingAfter is asked whether it is there, and
	// its connection closed if there is no answer for pingTimeout. A client
	// may ask every pingEvery.
	pingAfter   = 30 * time.Second
	pingTimeout = 10 * time.Second
	pingEvery   = 5 * time.Second

	// The bytes that a client may send on a stream before it is read, but for a message
	// that is being read: gRPC makes room for all of that. All together may send
	// mostUnread. Fixed windows also save the pings by which gRPC measures the path.
	// That of the connection bounds nothing: gRPC renews it as it receives.
	streamWindow     = 256 << 10
	connectionWindow = 1 << 20

	// readBuffer is what each connection has to read into.
	readBuffer = 16 << 10

	headerBytes = 32 << 10
)

// newGRPC makes a gRPC server with all services. Connections are closed after
// they have been idle for so long; 0 means never.
func newGRPC(r *requests, h *healthService, who identifier, waiting *sync.WaitGroup, idle time.Duration) *grpc.Server {
	l := r.limits
	s := grpc.NewServer(
		grpc.ForceServerCodecV2(newCodec(l, r.buffers)),
		experimental.BufferPool(r.buffers),
		grpc.MaxRecvMsgSize(l.receiveBytes()),
		grpc.MaxConcurrentStreams(l.MaxStreams),
		grpc.MaxHeaderListSize(headerBytes),
		grpc.ConnectionTimeout(l.FirstBytes),
		grpc.StaticStreamWindowSize(streamWindow),
		grpc.StaticConnWindowSize(connectionWindow),
		grpc.ReadBufferSize(readBuffer),
		grpc.InTapHandle(r.bounds.tap),
		grpc.WaitForHandlers(true),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingEvery, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idle, Time: pingAfter, Timeout: pingTimeout}),
		grpc.ChainUnaryInterceptor(who.unary),
		grpc.ChainStreamInterceptor(who.stream, endWithServer(r, waiting)),
	)
	s.RegisterService(withFailures(hostv1.Host_ServiceDesc), r.service())
	grpc_health_v1.RegisterHealthServer(s, h)
	reflection.Register(s)
	return s
}

// withFailures is desc with methods of one request whose errors carry a Failure, those
// of decoding the request included.
func withFailures(desc grpc.ServiceDesc) *grpc.ServiceDesc {
	methods := make([]grpc.MethodDesc, len(desc.Methods))
	for i, m := range desc.Methods {
		methods[i] = grpc.MethodDesc{MethodName: m.MethodName, Handler: failing(m.Handler)}
	}
	desc.Methods = methods
	desc.Streams = slices.Clone(desc.Streams)
	for i := range desc.Streams {
		s := &desc.Streams[i]
		switch s.StreamName {
		case "QueryStream":
			s.Handler = failingStream(hostv1.HostServer.QueryStream)
		case "ReadSnapshot":
			s.Handler = failingStream(hostv1.HostServer.ReadSnapshot)
		case "Events":
			s.Handler = failingStream(hostv1.HostServer.Events)
		}
	}
	return &desc
}

// failingStream is a method that is answered with a stream, with errors that carry a Failure.
func failingStream[Req, Res any](method func(hostv1.HostServer, *Req, grpc.ServerStreamingServer[Res]) error) grpc.StreamHandler {
	return func(srv any, ss grpc.ServerStream) error {
		req := new(Req)
		in := intake{into: req}
		if err := ss.RecvMsg(&in); err != nil {
			return err
		}
		err := in.err
		if err == nil {
			err = method(srv.(hostv1.HostServer), req, &grpc.GenericServerStream[Req, Res]{ServerStream: ss})
		}
		if err != nil {
			return statusOf(err)
		}
		return nil
	}
}

func failing(next grpc.MethodHandler) grpc.MethodHandler {
	return func(srv any, ctx context.Context, decode func(any) error, i grpc.UnaryServerInterceptor) (any, error) {
		ctx, out := withOutgoing(ctx)
		resp, err := next(srv, ctx, func(request any) error {
			in := intake{into: request}
			if err := decode(&in); err != nil {
				return err
			}
			return in.err
		}, i)
		if err != nil {
			return nil, statusOf(err)
		}
		return out.counted(resp), nil
	}
}

// endWithServer ends the streams of services that know nothing of the
// server's end, so that a health watcher does not hold up a stop; and with the
// token that they came with. It bounds them, too.
func endWithServer(r *requests, waiting *sync.WaitGroup) grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		switch info.FullMethod {
		case hostv1.Host_Proposals_FullMethodName, hostv1.Host_QueryStream_FullMethodName:
			return next(srv, ss)
		}
		place, err := r.bounds.watch(sharerOf(ss.Context()))
		if err != nil {
			return statusOf(err)
		}
		defer place.leave()
		over, invalid := make(chan error, 1), make(chan error, 1)
		defer whileValid(ss.Context(), r.guard, func(err error) { invalid <- err })()
		// The handler ends with its stream's context, just after this.
		waiting.Go(func() { over <- next(srv, ss) })
		select {
		case err := <-over:
			return err
		case err := <-invalid:
			return err
		case <-r.end.stopping:
			return statusOf(&server.Error{Err: server.ErrStopping})
		}
	}
}
