package pluginrecord

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
)

// A RecordedLife is the connection to one process of a plugin, each call of which is recorded.
type RecordedLife struct {
	grpc.ClientConnInterface
	recorder *Recorder
	number   uint64
	over     sync.Once
}

// Life begins a life of the plugin, with the process pid at the other end of conn.
func (r *Recorder) Life(conn grpc.ClientConnInterface, info plugins.Info, pid int) *RecordedLife {
	r.mu.Lock()
	r.lives++
	number := r.lives
	r.mu.Unlock()
	r.put(Event{Kind: Life, Life: number, Name: info.Name, Version: info.Version, PID: uint64(max(0, pid))}, false)
	return &RecordedLife{ClientConnInterface: conn, recorder: r, number: number}
}

// Over ends the life.
func (l *RecordedLife) Over() {
	l.over.Do(func() { l.recorder.put(Event{Kind: LifeOver, Life: l.number}, false) })
}

// Invoke implements grpc.ClientConnInterface.
func (l *RecordedLife) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	c := l.begin(method)
	c.message(Request, args)
	err := l.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
	if err == nil {
		c.message(Answer, reply)
	}
	c.end(err)
	return err
}

// NewStream implements grpc.ClientConnInterface.
func (l *RecordedLife) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	c := l.begin(method)
	in, err := l.ClientConnInterface.NewStream(ctx, desc, method, opts...)
	if err != nil {
		c.end(err)
		return nil, err
	}
	s := &stream{ClientStream: in, call: c, oneAnswer: !desc.ServerStreams}
	s.unwatch = context.AfterFunc(ctx, c.giveUp)
	return s, nil
}

// A call is one call of a life. It ends once.
type call struct {
	life   *RecordedLife
	number uint64
	over   sync.Once
}

func (l *RecordedLife) begin(method string) *call {
	c := &call{life: l, number: l.recorder.nextCall()}
	c.put(Event{Kind: Call, Method: method}, strings.HasSuffix(method, openMethod) || method == pluginv1.StateMachine_Restore_FullMethodName)
	return c
}

func (c *call) put(e Event, anchor bool) {
	e.Life, e.Call = c.life.number, c.number
	c.life.recorder.put(e, anchor)
}

// message records a message as it travels. A snapshot is prepared at an anchor.
func (c *call) message(k Kind, m any) {
	e := Event{Kind: k}
	if of, ok := m.(pluginrpc.Message); ok {
		b := make([]byte, of.Size())
		if n, err := of.MarshalToSizedBuffer(b); err == nil && n == len(b) {
			e.Message = b
		}
	}
	apply, ok := m.(*pluginv1.ApplyRequest)
	c.put(e, ok && apply.PrepareSnapshot)
}

// end records the status that err stands for.
func (c *call) end(err error) {
	c.over.Do(func() {
		e := Event{Kind: Status}
		if err != nil && !errors.Is(err, io.EOF) {
			st := status.Convert(err)
			if st.Code() == codes.OK {
				st = status.New(codes.Unknown, err.Error())
			}
			e.Message, _ = proto.Marshal(st.Proto())
		}
		c.put(e, false)
	})
}

func (c *call) giveUp() { c.over.Do(func() { c.put(Event{Kind: GivenUp}, false) }) }

// stream is a stream of a recorded life.
type stream struct {
	grpc.ClientStream
	call      *call
	oneAnswer bool
	unwatch   func() bool
}

// SendMsg implements grpc.ClientStream.
func (s *stream) SendMsg(m any) error {
	s.call.message(Request, m)
	return s.ClientStream.SendMsg(m)
}

// CloseSend implements grpc.ClientStream.
func (s *stream) CloseSend() error {
	s.call.put(Event{Kind: Sent}, false)
	return s.ClientStream.CloseSend()
}

// RecvMsg implements grpc.ClientStream.
func (s *stream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err == nil {
		s.call.message(Answer, m)
	}
	if err != nil || s.oneAnswer {
		s.unwatch()
		s.call.end(err)
	}
	return err
}
