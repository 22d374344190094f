package frames

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
)

// Server is the plugin's end: it serves the streams of the services
// registered with it, on connections that Credentials finds among
// those of a gRPC server. Its methods may be called concurrently, except that
// services are registered before the gRPC server serves.
type Server struct {
	methods map[string]method

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]struct{}
	served sync.WaitGroup
}

// method is one stream of a registered service.
type method struct {
	handler    grpc.StreamHandler
	impl       any
	oneRequest bool // it has a stream to the host only
}

// NewServer returns a server without services.
func NewServer() *Server {
	return &Server{methods: make(map[string]method), conns: make(map[net.Conn]struct{})}
}

// With returns a registrar that registers services both here and with r.
func (s *Server) With(r grpc.ServiceRegistrar) grpc.ServiceRegistrar { return both{s, r} }

type both struct {
	frames *Server
	grpc   grpc.ServiceRegistrar
}

// RegisterService implements grpc.ServiceRegistrar.
func (b both) RegisterService(desc *grpc.ServiceDesc, impl any) {
	b.grpc.RegisterService(desc, impl)
	for _, stream := range desc.Streams {
		b.frames.methods["/"+desc.ServiceName+"/"+stream.StreamName] = method{stream.Handler, impl, !stream.ClientStreams}
	}
}

// Close ends all streams and waits for their handlers.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.served.Wait()
}

// accept serves a connection whose preface was read, in a goroutine of its
// own.
func (s *Server) accept(conn net.Conn) {
	_ = conn.SetDeadline(time.Time{}) // gRPC set one for the handshake
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close()
		return
	}
	s.conns[conn] = struct{}{}
	s.served.Go(func() {
		s.serve(conn)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, conn)
	})
}

// serve runs the one stream of a connection.
func (s *Server) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream := &serverStream{
		ctx: ctx, cancel: cancel, conn: conn,
		in:  newFrameReader(conn, pluginrpc.MaxMessageBytes),
		out: frameWriter{w: conn, maxMessage: pluginrpc.MaxMessageBytes},
	}
	stream.finish(s.handle(stream))
	_ = conn.Close()
	stream.watching.Wait()
}

// handle learns the method and calls its handler.
func (s *Server) handle(stream *serverStream) error {
	k, payload, err := stream.in.next()
	if err != nil {
		return stream.readError(err)
	}
	if k != kindOpen {
		return refused(fmt.Errorf("%w: kind %d before open", errMalformed, k))
	}
	m, ok := s.methods[string(payload)]
	if !ok {
		return status.Errorf(codes.Unimplemented, "no stream %.128q", payload)
	}
	stream.oneRequest = m.oneRequest
	return m.handler(m.impl, stream)
}

// serverStream is one stream. SendMsg and RecvMsg may be called by one
// goroutine each. Its context ends with the handler, or when a message could
// not be sent or received: a connection that is closed while neither is called
// is noticed at the next call, unlike with gRPC. Where the host has one request it is
// noticed at once.
type serverStream struct {
	ctx    context.Context
	cancel context.CancelFunc
	conn   net.Conn
	in     *frameReader
	out    frameWriter
	final  error // of RecvMsg

	oneRequest bool
	watching   sync.WaitGroup
}

var _ grpc.ServerStream = (*serverStream)(nil)

// SendMsg implements grpc.ServerStream. It waits while the host does not read.
func (s *serverStream) SendMsg(m any) error {
	broke, err := s.out.send(m)
	if broke == nil {
		return err
	}
	s.cancel()
	return status.Error(codes.Unavailable, broke.Error())
}

// RecvMsg implements grpc.ServerStream.
func (s *serverStream) RecvMsg(m any) error {
	if s.final != nil {
		return s.final
	}
	msg, err := message(m)
	if err == nil {
		err = s.receive(msg)
	}
	s.final = err
	if err == nil && s.oneRequest {
		s.final = io.EOF
		s.watching.Go(s.watch)
	}
	return err
}

// watch reads on after the only request, so that a handler which sends nothing learns
// that its host has given up.
func (s *serverStream) watch() {
	for {
		if k, _, err := s.in.next(); err != nil || k != kindEnd {
			s.cancel()
			return
		}
	}
}

func (s *serverStream) receive(m pluginrpc.Message) error {
	k, payload, err := s.in.next()
	switch {
	case err != nil:
		return s.readError(err)
	case k == kindMessage:
		return decode(payload, m)
	case k == kindEnd:
		return io.EOF
	default:
		return refused(fmt.Errorf("%w: kind %d of a host", errMalformed, k))
	}
}

// readError explains a failed read. A host that went away has cancelled.
func (s *serverStream) readError(err error) error {
	if !broken(err) {
		return refused(err)
	}
	s.cancel()
	return status.Error(codes.Canceled, "stream was given up: "+err.Error())
}

// finish tells the host how the handler ended.
func (s *serverStream) finish(err error) {
	st, ok := status.FromError(err)
	if !ok {
		st = status.FromContextError(err)
	}
	payload, merr := proto.Marshal(st.Proto())
	if merr != nil || len(payload) > maxControl {
		st = status.New(st.Code(), "status cannot be sent")
		payload, merr = proto.Marshal(st.Proto())
	}
	if merr == nil && !errors.Is(s.ctx.Err(), context.Canceled) {
		_ = s.out.control("", kindStatus, payload) // a host that is gone needs none
	}
}

// Context implements grpc.ServerStream.
func (s *serverStream) Context() context.Context { return s.ctx }

// SetHeader implements grpc.ServerStream: there are none.
func (s *serverStream) SetHeader(metadata.MD) error { return nil }

// SendHeader implements grpc.ServerStream: there are none.
func (s *serverStream) SendHeader(metadata.MD) error { return nil }

// SetTrailer implements grpc.ServerStream: there are none.
func (s *serverStream) SetTrailer(metadata.MD) {}
