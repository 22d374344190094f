package pluginrpc_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func info() plugins.Info {
	return plugins.Info{
		Kind: plugins.Storage, Name: "wal", Version: "1.0", Protocols: []uint32{1},
		Capabilities: []plugins.Capability{"fast"}, Requires: []plugins.Capability{"timers"}, ConfigSchema: []byte("{}"),
		CommandVersions: plugins.Versions{Least: 2, Greatest: 5}, SnapshotFormats: plugins.SnapshotFormats{Written: 3, Readable: []uint32{1, 2}},
	}
}

func session(t *testing.T, conn grpc.ClientConnInterface) *pluginrpc.Session {
	t.Helper()
	s, err := pluginrpc.OpenSession(context.Background(), conn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Rules P-15, P-17 and P-18.
func TestSession(t *testing.T) {
	var level atomic.Int64
	service := pluginrpc.Service{
		Info:        info(),
		SetLogLevel: func(l slog.Level) { level.Store(int64(l)) },
		Metrics:     func() []byte { return []byte("a 1\n") },
	}
	var told []plugins.Leadership
	service.SetLeadership = func(l plugins.Leadership) { told = append(told, l) }
	conn := rpctest.Dial(t, service.Register)
	s := session(t, conn)
	if err := s.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	if text, err := s.Metrics(t.Context()); err != nil || string(text) != "a 1\n" {
		t.Errorf("metrics %q, error %v", text, err)
	}
	for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if err := s.SetLogLevel(t.Context(), l); err != nil || slog.Level(level.Load()) != l {
			t.Errorf("set level %v, is %v, error %v", l, slog.Level(level.Load()), err)
		}
	}
	leaderships := []plugins.Leadership{
		{},
		{Term: 1, Leader: 2},
		{Term: 3, Leader: 1, Leads: true},
		{Term: 3, Leader: 1, Leads: true, Ready: true},
		{Term: 3, Leader: 1, Leads: true, Transferring: true},
		{Term: math.MaxUint64, Leader: math.MaxUint64},
	}
	for _, l := range leaderships {
		if err := s.SetLeadership(t.Context(), l); err != nil {
			t.Errorf("tell of %+v: %v", l, err)
		}
	}
	if err := s.Probe(t.Context()); err != nil || !slices.Equal(told, leaderships) { // a probe tells of nothing
		t.Errorf("was told %+v, error %v", told, err)
	}
	got, err := pluginrpc.Describe(t.Context(), conn)
	if err != nil || got.Name != "wal" || !got.Has("fast") || !slices.Equal(got.Requires, []plugins.Capability{"timers"}) || string(got.ConfigSchema) != "{}" ||
		got.CommandVersions != (plugins.Versions{Least: 2, Greatest: 5}) ||
		got.SnapshotFormats.Written != 3 || !slices.Equal(got.SnapshotFormats.Readable, []uint32{1, 2}) {
		t.Errorf("described as %+v, error %v", got, err)
	}
	s.Close()
	if err := s.Probe(t.Context()); !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("probe after close: %v", err)
	}
	if s.Err() != nil {
		t.Errorf("closed by the host, ended with %v", s.Err())
	}
}

// stalled is a plugin whose metrics never come.
func stalled(t *testing.T) *pluginrpc.Session {
	release := make(chan struct{})
	conn := rpctest.Dial(t, pluginrpc.Service{Info: info(), Metrics: func() []byte { <-release; return nil }}.Register)
	t.Cleanup(func() { close(release) })
	return session(t, conn)
}

func TestAProbeEndsWithItsContext(t *testing.T) {
	s := stalled(t)
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	go func() {
		_, err := s.Metrics(ctx)
		asked <- err
	}()
	cancel()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func TestAPluginThatNeverAnswersIsNotAskedForEver(t *testing.T) {
	s := stalled(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 1000 {
		if _, err := s.Metrics(ended); errors.Is(err, context.DeadlineExceeded) {
			return
		}
	}
	t.Error("a thousand unanswered requests were sent")
}

// liar answers what it is told to.
type liar struct {
	pluginv1.UnimplementedPluginServer
	describe pluginv1.DescribeResponse
	answer   func(*pluginv1.SessionRequest) (*pluginv1.SessionResponse, error)
}

func (l *liar) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	return &l.describe, nil
}

func (l *liar) Session(stream grpc.BidiStreamingServer[pluginv1.SessionRequest, pluginv1.SessionResponse]) error {
	for {
		req, err := stream.Recv()
		if err != nil {
			return err
		}
		res, err := l.answer(req)
		if err != nil || res == nil {
			return err
		}
		if err := stream.Send(res); err != nil {
			return err
		}
	}
}

func dialLiar(t *testing.T, l *liar) *grpc.ClientConn {
	return rpctest.Dial(t, func(r grpc.ServiceRegistrar) { pluginv1.RegisterPluginServer(r, l) })
}

// Rule P-15.
func TestWrongSessionAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(*pluginv1.SessionRequest) (*pluginv1.SessionResponse, error)
		want   error
	}{
		"answer to another request": {func(r *pluginv1.SessionRequest) (*pluginv1.SessionResponse, error) {
			return &pluginv1.SessionResponse{Seq: r.Seq + 1}, nil
		}, plugins.ErrBadAnswer},
		"answer without number": {func(*pluginv1.SessionRequest) (*pluginv1.SessionResponse, error) {
			return &pluginv1.SessionResponse{}, nil
		}, plugins.ErrBadAnswer},
		"end without answer": {func(*pluginv1.SessionRequest) (*pluginv1.SessionResponse, error) {
			return nil, nil // the stream ends
		}, plugins.ErrGone},
		"failure": {func(*pluginv1.SessionRequest) (*pluginv1.SessionResponse, error) {
			return nil, pluginrpc.NewTable().Status(fmt.Errorf("x: %w", plugins.ErrClosed))
		}, plugins.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			s := session(t, dialLiar(t, &liar{answer: c.answer}))
			if err := s.Probe(t.Context()); !errors.Is(err, c.want) {
				t.Errorf("probe: %v", err)
			}
			<-s.Done()
			if !errors.Is(s.Err(), c.want) {
				t.Errorf("session ended with %v", s.Err())
			}
		})
	}
}

// Rules P-11 and P-12.
func TestWrongDescriptions(t *testing.T) {
	good := func() pluginv1.DescribeResponse {
		return pluginv1.DescribeResponse{Kind: "storage", Name: "wal", Protocols: []uint32{1}}
	}
	for name, spoil := range map[string]func(*pluginv1.DescribeResponse){
		"unknown kind":            func(d *pluginv1.DescribeResponse) { d.Kind = "filter" },
		"no name":                 func(d *pluginv1.DescribeResponse) { d.Name = "" },
		"name with a path":        func(d *pluginv1.DescribeResponse) { d.Name = "../wal" },
		"long name":               func(d *pluginv1.DescribeResponse) { d.Name = strings.Repeat("w", 65) },
		"long version":            func(d *pluginv1.DescribeResponse) { d.Version = strings.Repeat("1", 257) },
		"no protocol":             func(d *pluginv1.DescribeResponse) { d.Protocols = nil },
		"other protocol":          func(d *pluginv1.DescribeResponse) { d.Protocols = []uint32{2, 3} },
		"countless capabilities":  func(d *pluginv1.DescribeResponse) { d.Capabilities = make([]string, 257) },
		"schema larger than most": func(d *pluginv1.DescribeResponse) { d.ConfigSchema = make([]byte, 1<<20) },
	} {
		d := good()
		spoil(&d)
		if _, err := pluginrpc.Describe(t.Context(), dialLiar(t, &liar{describe: d})); !errors.Is(err, plugins.ErrBadAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := pluginrpc.Describe(t.Context(), dialLiar(t, &liar{describe: good()})); err != nil {
		t.Errorf("a good description: %v", err)
	}
}
