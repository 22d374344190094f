package pluginrpc

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pontoon-raft/pontoon/plugins"
)

const (
	// bufferSize is that of the socket buffers in user space at each end.
	bufferSize = 256 << 10
	// windowSize is the flow control window of a connection and of a stream.
	// It is static: probing for the bandwidth-delay product makes no sense
	// over a local socket and costs pings.
	windowSize = 8 << 20
	// UploadAhead is the most that Upload reads of its source and a plugin that reads
	// nothing does not: what the window holds, and a message at each end of it.
	UploadAhead = windowSize + 4<<20
	// headerListSize bounds what an error may carry.
	headerListSize = 64 << 10
	// MaxMessageBytes is the largest message that any plugin accepts before
	// Open has told it the host's limits, and so the ceiling of
	// plugins.Limits.MaxMessageBytes.
	MaxMessageBytes = 64 << 20
)

// DialOptions are those of the host's end of a plugin connection. Credentials
// and dialer are the caller's. The limits are those that the plugin is going
// to be opened with.
func DialOptions(limits plugins.Limits) ([]grpc.DialOption, error) {
	limits, err := CheckLimits(limits)
	if err != nil {
		return nil, err
	}
	return append(oversized(limits.MaxMessageBytes()),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(Codec()),
			grpc.MaxCallRecvMsgSize(limits.MaxMessageBytes()),
			grpc.MaxCallSendMsgSize(limits.MaxMessageBytes()),
		),
		grpc.WithReadBufferSize(bufferSize),
		grpc.WithWriteBufferSize(bufferSize),
		grpc.WithStaticStreamWindowSize(windowSize),
		grpc.WithStaticConnWindowSize(windowSize),
		grpc.WithMaxHeaderListSize(headerListSize),
		// A socket file that was tidied away while the channel idled would
		// never be found again.
		grpc.WithIdleTimeout(0),
		// A call is never sent twice: whether it took effect the first time is
		// unknown.
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
	), nil
}

// ServerOptions are those of the plugin's end.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(Codec()),
		grpc.MaxRecvMsgSize(MaxMessageBytes),
		grpc.MaxSendMsgSize(MaxMessageBytes),
		grpc.ReadBufferSize(bufferSize),
		grpc.WriteBufferSize(bufferSize),
		grpc.StaticStreamWindowSize(windowSize),
		grpc.StaticConnWindowSize(windowSize),
		grpc.MaxHeaderListSize(headerListSize),
	}
}

// gRPC says in the same words that a plugin refuses a message of its host and that this end
// refuses one of the plugin. The first is plugins.ErrLimit, and the second a breach. A host
// sends no message over the limit, so the sizes tell which it is.
const oversizeFormat = "grpc: received message larger than max (%d vs. %d)"

// oversized are the options of a connection on which messages over most are breaches.
func oversized(most int) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return judgeSize(invoke(ctx, method, req, reply, cc, opts...), most)
		}),
		grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			stream, err := open(ctx, desc, cc, method, opts...)
			if err != nil {
				return nil, err
			}
			return sizedStream{stream, most}, nil
		}),
	}
}

type sizedStream struct {
	grpc.ClientStream
	most int
}

// RecvMsg implements grpc.ClientStream.
func (s sizedStream) RecvMsg(m any) error { return judgeSize(s.ClientStream.RecvMsg(m), s.most) }

// judgeSize makes a breach of the error of this end about a message over most.
func judgeSize(err error, most int) error {
	if err == nil || status.Code(err) != codes.ResourceExhausted {
		return err
	}
	var size uint64
	var limit int
	if n, _ := fmt.Sscanf(status.Convert(err).Message(), oversizeFormat, &size, &limit); n < 2 || limit != most || size <= uint64(most) {
		return err
	}
	return Breach("P-31", "message of %d bytes, at most %d", size, most)
}
