package frames_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/shortdir"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/frames"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type (
	toPlugin = grpc.BidiStreamingServer[pluginv1.AppendRequest, pluginv1.AppendResponse]
	toHost   = grpc.BidiStreamingClient[pluginv1.AppendRequest, pluginv1.AppendResponse]
)

// plugin is a storage service whose Append is a function of the test's.
type plugin struct {
	pluginv1.UnimplementedStorageServer
	append func(toPlugin) error
}

func (p plugin) Append(s toPlugin) error { return p.append(s) }

func (plugin) Compact(_ context.Context, req *pluginv1.CompactRequest) (*pluginv1.CompactResponse, error) {
	return &pluginv1.CompactResponse{FirstIndex: req.Index + 1}, nil
}

// echo acknowledges every batch until the host has no more.
func echo(s toPlugin) error {
	for {
		req, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.Send(&pluginv1.AppendResponse{Seq: req.Seq}); err != nil {
			return err
		}
	}
}

// onBoth runs a test on both carriers: the user of a stream must not be able to
// tell them apart.
func onBoth(t *testing.T, append func(toPlugin) error, run func(*testing.T, pluginv1.StorageClient)) {
	for name, carrier := range rpctest.Carriers() {
		t.Run(name, func(t *testing.T) {
			conn := carrier(t, func(r grpc.ServiceRegistrar) { pluginv1.RegisterStorageServer(r, plugin{append: append}) })
			run(t, pluginv1.NewStorageClient(conn))
		})
	}
}

func open(t *testing.T, ctx context.Context, c pluginv1.StorageClient) toHost {
	t.Helper()
	s, err := c.Append(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMessagesInBothDirectionsAndAnOrdinaryEnd(t *testing.T) {
	onBoth(t, echo, func(t *testing.T, c pluginv1.StorageClient) {
		s := open(t, t.Context(), c)
		for seq, size := range []int{0, 1, 64 << 10, 1 << 20, 3} {
			req := &pluginv1.AppendRequest{Seq: uint64(seq), Entries: []pluginv1.Entry{{Data: bytes.Repeat([]byte{7}, size)}}}
			if err := s.Send(req); err != nil {
				t.Fatal(err)
			}
			if res, err := s.Recv(); err != nil || res.Seq != uint64(seq) {
				t.Fatalf("answer %v, error %v", res, err)
			}
		}
		if err := s.CloseSend(); err != nil {
			t.Fatal(err)
		}
		for range 2 { // and it stays so
			if _, err := s.Recv(); err != io.EOF {
				t.Errorf("after the end: %v", err)
			}
		}
	})
}

func TestStreamsDoNotDisturbEachOther(t *testing.T) {
	onBoth(t, echo, func(t *testing.T, c pluginv1.StorageClient) {
		one, two := open(t, t.Context(), c), open(t, t.Context(), c)
		for i, s := range []toHost{one, two, one, two} {
			if err := s.Send(&pluginv1.AppendRequest{Seq: uint64(i)}); err != nil {
				t.Fatal(err)
			}
		}
		for i, s := range []toHost{one, two, one, two} {
			if res, err := s.Recv(); err != nil || res.Seq != uint64(i) {
				t.Errorf("answer %v, error %v; expected %d", res, err, i)
			}
		}
		if res, err := c.Compact(t.Context(), &pluginv1.CompactRequest{Index: 4}); err != nil || res.FirstIndex != 5 {
			t.Errorf("a unary call beside them: %v, error %v", res, err)
		}
	})
}

func TestAnErrorArrivesWithItsDetails(t *testing.T) {
	sent, err := status.New(codes.Aborted, "an older incarnation").WithDetails(&errdetails.ErrorInfo{Reason: "STALE", Domain: "d"})
	if err != nil {
		t.Fatal(err)
	}
	onBoth(t, func(toPlugin) error { return sent.Err() }, func(t *testing.T, c pluginv1.StorageClient) {
		_, err := open(t, t.Context(), c).Recv()
		got := status.Convert(err)
		if got.Code() != codes.Aborted || got.Message() != "an older incarnation" || len(got.Details()) != 1 {
			t.Errorf("arrived as %v with %v", got, got.Details())
		}
	})
}

func TestErrorsWithoutAStatus(t *testing.T) {
	for _, c := range []struct {
		err  error
		want codes.Code
	}{
		{errors.New("disk on fire"), codes.Unknown},
		{context.DeadlineExceeded, codes.DeadlineExceeded},
		{status.Error(codes.Internal, strings.Repeat("x", 100<<10)), codes.Internal},
	} {
		conn := rpctest.DialFrames(t, func(r grpc.ServiceRegistrar) {
			pluginv1.RegisterStorageServer(r, plugin{append: func(toPlugin) error { return c.err }})
		})
		if _, err := open(t, t.Context(), pluginv1.NewStorageClient(conn)).Recv(); status.Code(err) != c.want {
			t.Errorf("%.50v arrived as %.50v", c.err, err)
		}
	}
}

// A sender on a stream that the plugin has ended learns that it is over, and
// from Recv why.
func TestAPluginThatEndsTheStreamEarly(t *testing.T) {
	refuses := func(s toPlugin) error {
		_, _ = s.Recv()
		return status.Error(codes.InvalidArgument, "no")
	}
	onBoth(t, refuses, func(t *testing.T, c pluginv1.StorageClient) {
		s := open(t, t.Context(), c)
		var err error
		for err == nil {
			err = s.Send(&pluginv1.AppendRequest{Entries: []pluginv1.Entry{{Data: make([]byte, 64<<10)}}})
		}
		if err != io.EOF {
			t.Errorf("send: %v", err)
		}
		if _, err := s.Recv(); status.Code(err) != codes.InvalidArgument {
			t.Errorf("receive: %v", err)
		}
	})
}

func TestAHostThatGivesUpCancelsTheStream(t *testing.T) {
	ended := make(chan error, 2)
	waits := func(s toPlugin) error {
		_ = s.Send(&pluginv1.AppendResponse{})
		_, err := s.Recv()
		if err != nil && s.Context().Err() == nil {
			err = errors.New("context goes on after " + err.Error())
		}
		ended <- err
		return err
	}
	onBoth(t, waits, func(t *testing.T, c pluginv1.StorageClient) {
		ctx, cancel := context.WithCancel(t.Context())
		s := open(t, ctx, c)
		if _, err := s.Recv(); err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := s.Recv(); status.Code(err) != codes.Canceled {
			t.Errorf("host: %v", err)
		}
		if err := <-ended; status.Code(err) != codes.Canceled {
			t.Errorf("plugin: %v", err)
		}
		if err := s.Send(&pluginv1.AppendRequest{}); err == nil {
			t.Error("a message was sent on a stream that was given up")
		}
	})
}

// A plugin that does not read blocks its host only as long as the host likes.
func TestADeadlineEndsASendThatWaits(t *testing.T) {
	onBoth(t, func(s toPlugin) error { <-s.Context().Done(); return nil }, func(t *testing.T, c pluginv1.StorageClient) {
		if strings.Contains(t.Name(), "frames") {
			// The handler neither reads nor writes: only the end of the server
			// would end it. This test is of the host's side.
			c = framesToNobody(t)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		s := open(t, ctx, c)
		var err error
		for err == nil {
			err = s.Send(&pluginv1.AppendRequest{Entries: []pluginv1.Entry{{Data: make([]byte, 1<<20)}}})
		}
		if _, rerr := s.Recv(); status.Code(rerr) != codes.DeadlineExceeded {
			t.Errorf("send: %v, receive: %v", err, rerr)
		}
	})
}

// framesToNobody returns a client whose streams end at a peer that never reads.
func framesToNobody(t *testing.T) pluginv1.StorageClient {
	conn, err := frames.NewConn(nil, plugins.Limits{}, func(context.Context) (net.Conn, error) {
		near, far := net.Pipe()
		t.Cleanup(func() { _ = far.Close() })
		go func() { _, _ = io.ReadFull(far, make([]byte, 100)) }()
		return near, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return pluginv1.NewStorageClient(conn)
}

// A plugin that refuses a message of its host has a limit; one that sends a message over
// that of its host breaks a rule. Rule P-31.
func TestMessagesOverTheLimit(t *testing.T) {
	large := func(s toPlugin) error { // the host's limit is lower than the plugin's
		return s.SendMsg(&pluginv1.AppendRequest{Entries: []pluginv1.Entry{{Data: make([]byte, 8<<20)}}})
	}
	onBoth(t, large, func(t *testing.T, c pluginv1.StorageClient) {
		if err := open(t, t.Context(), c).Send(&pluginv1.AppendRequest{Entries: []pluginv1.Entry{{Data: make([]byte, 8<<20)}}}); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("sent: %v", err)
		}
		s := open(t, t.Context(), c) // the one on which a message was not sent has ended with that
		rpctest.CheckBreach(t, s.RecvMsg(new(pluginv1.AppendRequest)), "P-31")
	})
}

func TestAMessageOfAnotherWire(t *testing.T) {
	conn := rpctest.DialFrames(t, func(r grpc.ServiceRegistrar) { pluginv1.RegisterStorageServer(r, plugin{append: echo}) })
	s := open(t, t.Context(), pluginv1.NewStorageClient(conn))
	if err := s.SendMsg("text"); status.Code(err) != codes.Internal {
		t.Errorf("sent: %v", err)
	}
}

func TestAStreamThatNobodyServes(t *testing.T) {
	for name, carrier := range rpctest.Carriers() {
		conn := carrier(t, func(grpc.ServiceRegistrar) {})
		if _, err := open(t, t.Context(), pluginv1.NewStorageClient(conn)).Recv(); status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Close is for a plugin that hangs: its host must not wait for it.
func TestClosingTheConnectionEndsItsStreams(t *testing.T) {
	hangs := func(s toPlugin) error {
		_, err := s.Recv()
		return err
	}
	conn := rpctest.DialFrames(t, func(r grpc.ServiceRegistrar) { pluginv1.RegisterStorageServer(r, plugin{append: hangs}) })
	c := pluginv1.NewStorageClient(conn)
	s := open(t, t.Context(), c)
	received := make(chan error)
	go func() {
		_, err := s.Recv()
		received <- err
	}()
	conn.Close()
	if err := <-received; status.Code(err) != codes.Canceled {
		t.Errorf("stream: %v", err)
	}
	if _, err := c.Append(t.Context()); status.Code(err) != codes.Canceled {
		t.Errorf("new stream: %v", err)
	}
}

// A stream ends with its context, whether it is used once more or not.
func TestAnEndedContextLeavesNothingOfItsStream(t *testing.T) {
	far := make(chan net.Conn, 1)
	conn, err := frames.NewConn(nil, plugins.Limits{}, func(context.Context) (net.Conn, error) {
		near, other := net.Pipe()
		far <- other
		go func() { _, _ = io.Copy(io.Discard, other) }()
		return near, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	open(t, ctx, pluginv1.NewStorageClient(conn))
	if n := conn.Streams(); n != 1 {
		t.Errorf("%d streams are open", n)
	}
	cancel()
	for end := time.Now().Add(10 * time.Second); conn.Streams() > 0; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("the stream is kept")
		}
	}
	_ = (<-far).Close()
}

func TestAPluginThatIsGone(t *testing.T) {
	beside := rpctest.Dial(t, func(grpc.ServiceRegistrar) {})
	_ = beside.Close()
	if _, err := withoutSocket(t, beside).Append(t.Context()); status.Code(err) != codes.Canceled {
		t.Errorf("no socket, and no connection of gRPC's: %v", err)
	}
}

// withoutSocket is a plugin whose socket's file is gone, beside conn.
func withoutSocket(t *testing.T, conn grpc.ClientConnInterface) pluginv1.StorageClient {
	c, err := frames.NewConn(conn, plugins.Limits{}, func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(t.TempDir(), "nobody"))
	})
	if err != nil {
		t.Fatal(err)
	}
	return pluginv1.NewStorageClient(c)
}

// A plugin whose socket's file was removed is not gone: its streams go over the
// connection that is open.
func TestStreamsOutliveARemovedSocket(t *testing.T) {
	c := withoutSocket(t, rpctest.Dial(t, func(r grpc.ServiceRegistrar) { pluginv1.RegisterStorageServer(r, plugin{append: echo}) }))
	s := open(t, t.Context(), c)
	if err := s.Send(&pluginv1.AppendRequest{Seq: 7}); err != nil {
		t.Fatal(err)
	}
	if res, err := s.Recv(); err != nil || res.Seq != 7 {
		t.Errorf("answer %v, error %v", res, err)
	}
}

// A peer that is not a plugin of ours cannot do more than end its own stream.
func TestWhatAPluginMayNotSend(t *testing.T) {
	for name, wire := range map[string]string{
		"nothing":          "",
		"half a frame":     "\x00\x00\x00\x05\x02abc",
		"end":              "\x00\x00\x00\x00\x03",
		"open":             "\x00\x00\x00\x01\x01x",
		"unknown kind":     "\x00\x00\x00\x00\x09",
		"garbage message":  "\x00\x00\x00\x03\x02\xff\xff\xff",
		"garbage status":   "\x00\x00\x00\x03\x04\xff\xff\xff",
		"status of 4 GiB":  "\xff\xff\xff\xff\x04",
		"message of 4 GiB": "\xff\xff\xff\xff\x02",
	} {
		synctest.Test(t, func(t *testing.T) {
			conn, err := frames.NewConn(nil, plugins.Limits{}, func(context.Context) (net.Conn, error) {
				near, far := net.Pipe()
				go func() {
					_, _ = io.ReadFull(far, make([]byte, len("pontoon-frames/1\n")+5+len("/pontoon.plugin.v1.Storage/Append")))
					_, _ = io.WriteString(far, wire)
					_ = far.Close()
				}()
				return near, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := open(t, t.Context(), pluginv1.NewStorageClient(conn)).Recv(); err == nil || err == io.EOF {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// A message that a host may not send ends its stream with a status that says
// why, and leaves the others alone.
func TestWhatAHostMayNotSend(t *testing.T) {
	dir, err := os.MkdirTemp(shortdir.Parent(), "frames")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	streams := frames.NewServer()
	server := grpc.NewServer(grpc.Creds(streams.Credentials()))
	pluginv1.RegisterStorageServer(streams.With(server), plugin{append: echo})
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		server.Stop()
		streams.Close()
		<-served
	})
	const preface = "pontoon-frames/1\n"
	for name, c := range map[string]struct {
		wire    string
		answers bool
	}{
		"nothing behind the preface": {preface, false},
		"another preface":            {"pontoon-frames/2\n", false},
		"a message first":            {preface + "\x00\x00\x00\x00\x02", true},
		"no such method":             {preface + "\x00\x00\x00\x02\x01/x", true},
		"open of 4 GiB":              {preface + "\xff\xff\xff\xff\x01", true},
		"open twice":                 {preface + strings.Repeat("\x00\x00\x00\x21\x01/pontoon.plugin.v1.Storage/Append", 2), true},
	} {
		conn, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, c.wire); err != nil {
			t.Fatal(err)
		}
		_ = conn.(*net.UnixConn).CloseWrite()
		answer, _ := io.ReadAll(conn) // until the plugin closes it
		_ = conn.Close()
		if got := len(answer) > 5 && answer[4] == 4; got != c.answers {
			t.Errorf("%s: answer %q, expected a status: %t", name, answer, c.answers)
		}
	}
}
