package frames

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
)

// Capability is that of a plugin which accepts frames on its socket.
const Capability plugins.Capability = "frames/1"

// OverGRPC is the option of a stream that stays with gRPC: one whose handler waits
// for something other than its host, and must learn at once that the host has
// given up. By frames it would learn that when it reads or writes next.
func OverGRPC() grpc.CallOption { return overGRPC{} }

type overGRPC struct{ grpc.EmptyCallOption }

func isOverGRPC(o grpc.CallOption) bool { _, is := o.(overGRPC); return is }

// Conn is the host's end of a plugin's connection. Streams go by frames, each on
// a connection that dial makes; all else goes by gRPC. Its methods may be called
// concurrently.
type Conn struct {
	grpc.ClientConnInterface
	dial       func(context.Context) (net.Conn, error)
	maxMessage int

	mu      sync.Mutex
	closed  bool
	streams map[*clientStream]struct{}
}

// NewConn returns a connection beside conn, which stays the caller's. Messages
// of the plugin are limited as they are on conn.
func NewConn(conn grpc.ClientConnInterface, limits plugins.Limits, dial func(context.Context) (net.Conn, error)) (*Conn, error) {
	limits, err := pluginrpc.CheckLimits(limits)
	if err != nil {
		return nil, err
	}
	return &Conn{
		ClientConnInterface: conn, dial: dial, maxMessage: limits.MaxMessageBytes(),
		streams: make(map[*clientStream]struct{}),
	}, nil
}

// NewStream implements grpc.ClientConnInterface. But for OverGRPC, options of a
// call have no meaning for frames: codec and limits are the connection's.
//
// If the socket cannot be reached, because its file was removed, the stream
// goes over gRPC's connection, which is open. If that is broken too the plugin
// is gone.
func (c *Conn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if slices.ContainsFunc(opts, isOverGRPC) {
		return c.ClientConnInterface.NewStream(ctx, desc, method, opts...)
	}
	conn, err := c.dial(ctx)
	if err != nil {
		if ctx.Err() != nil || c.isClosed() {
			return nil, lost(ctx, err)
		}
		return c.ClientConnInterface.NewStream(ctx, desc, method, opts...)
	}
	s := &clientStream{
		ctx: ctx, owner: c, conn: conn,
		oneRequest: !desc.ClientStreams, oneAnswer: !desc.ServerStreams,
		in:  newFrameReader(conn, c.maxMessage),
		out: frameWriter{w: conn, maxMessage: c.maxMessage},
	}
	if !c.add(s) {
		_ = conn.Close()
		return nil, errClosing()
	}
	s.unwatch = context.AfterFunc(ctx, s.leave)
	if err := s.out.control(preface, kindOpen, []byte(method)); err != nil {
		s.end()
		return nil, lost(ctx, err)
	}
	return s, nil
}

func (c *Conn) add(s *clientStream) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.streams[s] = struct{}{}
	}
	return !c.closed
}

func (c *Conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Close ends all streams, and refuses new ones. Calls in flight on them fail
// as those of a plugin that is gone.
func (c *Conn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for s := range c.streams {
		s.close()
	}
}

// Streams is how many are open.
func (c *Conn) Streams() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.streams)
}

// lost is the error of a connection that could not be used, in the form that
// gRPC gives it.
func lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return status.FromContextError(ctx.Err()).Err()
	}
	return status.Error(codes.Unavailable, err.Error())
}

func errClosing() error { return status.Error(codes.Canceled, "the connection is closing") }

// clientStream is one stream. As with gRPC, SendMsg and RecvMsg may be called
// by one goroutine each, and a stream ends when RecvMsg has failed or its
// context has ended.
type clientStream struct {
	ctx     context.Context
	owner   *Conn
	conn    net.Conn
	unwatch func() bool
	// oneRequest and oneAnswer: the method has a stream in the other direction
	// only.
	oneRequest, oneAnswer bool

	in    *frameReader
	out   frameWriter
	final error // of RecvMsg
}

var _ grpc.ClientStream = (*clientStream)(nil)

// SendMsg implements grpc.ClientStream. It waits while the plugin does not
// read. On a stream that has ended it returns io.EOF, and RecvMsg says why; nil if
// the method has one request, since generated code asks RecvMsg after nil only.
func (s *clientStream) SendMsg(m any) error {
	broke, err := s.out.send(m)
	switch {
	case broke == nil:
		return err
	case s.ctx.Err() != nil:
		return lost(s.ctx, broke)
	case s.oneRequest:
		return nil
	default:
		return io.EOF
	}
}

// RecvMsg implements grpc.ClientStream. An only answer counts once the status
// after it has come.
func (s *clientStream) RecvMsg(m any) error {
	if s.final != nil {
		return s.final
	}
	msg, err := message(m)
	if err == nil {
		err = s.receive(msg)
	}
	answered := err == nil && s.oneAnswer
	switch {
	case answered:
		err = s.receive(nil)
	case err == io.EOF && s.oneAnswer:
		err = status.Error(codes.Internal, "stream ended without its answer")
	}
	if err != nil {
		s.final = err
		s.end()
	}
	if answered && err == io.EOF {
		return nil
	}
	return err
}

// receive reads a message into m, or the status. Without m only the status is in
// turn.
func (s *clientStream) receive(m pluginrpc.Message) error {
	k, payload, err := s.in.next()
	switch {
	case err != nil && broken(err):
		return s.readError(err)
	case errors.Is(err, errTooLarge):
		return pluginrpc.Breach("P-31", "%v", err)
	case err != nil:
		return refused(err)
	case k == kindMessage && m != nil:
		return decode(payload, m)
	case k == kindStatus:
		return finalStatus(payload)
	default:
		return refused(fmt.Errorf("%w: kind %d of a plugin is out of turn", errMalformed, k))
	}
}

// readError explains a connection that broke.
func (s *clientStream) readError(err error) error {
	if errors.Is(err, net.ErrClosed) && s.ctx.Err() == nil {
		return errClosing()
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("connection ended without a status")
	}
	return lost(s.ctx, err)
}

// finalStatus is what a status frame means to RecvMsg.
func finalStatus(payload []byte) error {
	var st spb.Status
	if err := proto.Unmarshal(payload, &st); err != nil {
		return refused(fmt.Errorf("%w: status: %w", errMalformed, err))
	}
	if st.GetCode() == int32(codes.OK) {
		return io.EOF
	}
	return status.FromProto(&st).Err()
}

// end gives back what the stream holds.
func (s *clientStream) end() {
	s.unwatch()
	s.leave()
}

// leave closes the connection, so that sends and receives on it fail.
func (s *clientStream) leave() {
	s.close()
	s.owner.mu.Lock()
	defer s.owner.mu.Unlock()
	delete(s.owner.streams, s)
}

func (s *clientStream) close() { _ = s.conn.Close() }

// CloseSend implements grpc.ClientStream.
func (s *clientStream) CloseSend() error {
	_ = s.out.control("", kindEnd, nil) // RecvMsg says why it could not be sent
	return nil
}

// Header implements grpc.ClientStream: there are none.
func (s *clientStream) Header() (metadata.MD, error) { return metadata.MD{}, nil }

// Trailer implements grpc.ClientStream: there are none.
func (s *clientStream) Trailer() metadata.MD { return metadata.MD{} }

// Context implements grpc.ClientStream.
func (s *clientStream) Context() context.Context { return s.ctx }
