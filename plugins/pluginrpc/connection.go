package pluginrpc

import (
	"google.golang.org/grpc"

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
	return []grpc.DialOption{
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
	}, nil
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
