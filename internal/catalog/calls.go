package catalog

import (
	"context"
	"slices"
	"time"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
)

// An Observer takes durations in seconds. It may be called from any goroutine, and does not wait.
type Observer interface{ Observe(seconds float64) }

// endless are the streams that last as long as the plugin serves: what goes through them is
// observed by the host's parts that use them.
func endless() []string { return []string{"Append", "Apply", "Raft"} }

// observers are those of all calls that a host makes of plugins, by their full names on the wire.
func observers(of func(kind plugins.Kind, method string) Observer) map[string]Observer {
	if of == nil {
		return nil
	}
	all := map[string]Observer{}
	for kind, service := range map[plugins.Kind]*grpc.ServiceDesc{
		plugins.Storage: &pluginv1.Storage_ServiceDesc, plugins.Transport: &pluginv1.Transport_ServiceDesc, plugins.StateMachine: &pluginv1.StateMachine_ServiceDesc,
	} {
		add := func(method string) {
			if !slices.Contains(endless(), method) {
				all["/"+service.ServiceName+"/"+method] = of(kind, method)
			}
		}
		for i := range service.Methods {
			add(service.Methods[i].MethodName)
		}
		for i := range service.Streams {
			add(service.Streams[i].StreamName)
		}
	}
	return all
}

// observed is a connection to a plugin whose calls are observed.
type observed struct {
	grpc.ClientConnInterface
	calls map[string]Observer
}

// Invoke implements grpc.ClientConnInterface.
func (o observed) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	observer := o.calls[method]
	if observer == nil {
		return o.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
	}
	begun := time.Now()
	err := o.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
	observer.Observe(time.Since(begun).Seconds())
	return err
}

// NewStream implements grpc.ClientConnInterface.
func (o observed) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	observer := o.calls[method]
	if observer == nil {
		return o.ClientConnInterface.NewStream(ctx, desc, method, opts...)
	}
	begun := time.Now()
	stream, err := o.ClientConnInterface.NewStream(ctx, desc, method, opts...)
	if err != nil {
		observer.Observe(time.Since(begun).Seconds())
		return nil, err
	}
	return &observedStream{ClientStream: stream, observer: observer, begun: begun, oneAnswer: !desc.ServerStreams}, nil
}

// observedStream is a call with a stream, until its last answer or its error was received.
type observedStream struct {
	grpc.ClientStream
	observer  Observer // nil once it has observed; of RecvMsg
	begun     time.Time
	oneAnswer bool
}

// RecvMsg implements grpc.ClientStream.
func (s *observedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if s.observer != nil && (err != nil || s.oneAnswer) {
		s.observer.Observe(time.Since(s.begun).Seconds())
		s.observer = nil
	}
	return err
}
