package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/frames"
)

// A launch is one attempt to start a plugin process and to get to know it. All
// of it is made anew for each attempt: go-plugin's clients cannot start twice.
type launch struct {
	slot    *Slot
	plan    plan
	output  *output
	runner  *pluginRunner
	process *process // nil if it was started elsewhere
	client  *plugin.Client
	options []grpc.DialOption
	// socketDir is made by go-plugin when it prepares the runner.
	socketDir string

	// dialled is the connection that go-plugin made, even if it failed to
	// hand it out. connected: it did hand it out.
	dialled   atomic.Pointer[grpc.ClientConn]
	connected bool
	conn      *grpc.ClientConn
	session   *pluginrpc.Session
	// frames is for the streams of a plugin that takes them so, else nil.
	frames *frames.Conn
	// unreachable is spent when its socket could not be reached for the first
	// time.
	unreachable sync.Once
}

// startProcess starts the plugin in a process of its own, or takes the one that was
// prepared.
func (s *Slot) startProcess(ctx context.Context) (*Instance, error) {
	if in := s.startPrepared(); in != nil {
		return in, nil
	}
	l, info, err := s.launchProcess(ctx, s.following())
	if err != nil {
		return nil, err
	}
	return l.instance(info), nil
}

// launchProcess starts a process and has the first conversation with it. After an error
// nothing of it is left.
func (s *Slot) launchProcess(ctx context.Context, pl plan) (*launch, plugins.Info, error) {
	startCtx, cancel := context.WithTimeout(ctx, pl.startTimeout)
	defer cancel()
	l, err := s.newLaunch(startCtx, pl)
	if err != nil {
		return nil, plugins.Info{}, err
	}
	// A call below may hang in the plugin. The end of the context ends the
	// process, and the end of the process ends the call.
	stopWatching := context.AfterFunc(startCtx, func() { l.runner.kill("killed during its start") })
	info, err := l.connect(startCtx)
	if !stopWatching() && err == nil {
		err = context.Cause(startCtx)
	}
	if err == nil {
		return l, info, nil
	}
	err = l.startError(ctx, startCtx, err)
	l.abandon()
	return nil, plugins.Info{}, err
}

func (s *Slot) newLaunch(ctx context.Context, pl plan) (*launch, error) {
	options, err := pluginrpc.DialOptions(s.catalog.options.Limits)
	if err != nil {
		return nil, &StartError{Kind: pl.kind, Plugin: pl.label, Permanent: true, Cause: err}
	}
	socketParent, err := s.catalog.runtimePath()
	if err != nil {
		return nil, &StartError{Kind: pl.kind, Plugin: pl.label, Cause: err}
	}
	name := s.Status().Name
	logger := events.Below(s.catalog.options.Logger).With("kind", string(pl.kind))
	out := newOutput(logger, name, &s.lines)
	l := &launch{slot: s, plan: pl, output: out}
	l.runner = l.newRunner(ctx)
	l.options = append(options, grpc.WithChainStreamInterceptor(l.remember))
	l.client = plugin.NewClient(l.config(socketParent, logger.With("plugin", name)))
	return l, nil
}

// newRunner makes what the plugin runs in, which has not begun.
func (l *launch) newRunner(ctx context.Context) *pluginRunner {
	r := &pluginRunner{plan: l.plan, ctx: ctx, served: l.slot.hasServed()}
	if r.plan.attach != "" {
		a := newAttachment(r.plan.attach)
		r.occupant, r.exited, r.drained = a, a.ended, a.ended
		return r
	}
	l.process = newProcess(r.plan, l.output)
	r.occupant, r.exited, r.drained = l.process, l.process.exited, l.process.drained
	return r
}

// config is that of go-plugin's client: everything that it would do to or with
// the process is the runner's.
func (l *launch) config(socketParent string, logger *slog.Logger) *plugin.ClientConfig {
	return &plugin.ClientConfig{
		HandshakeConfig:  pluginrpc.Handshake(),
		VersionedPlugins: pluginrpc.VersionedPlugins(nil),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		RunnerFunc:       l.prepare,
		SkipHostEnv:      true,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: socketParent},
		GRPCDialOptions:  l.options,
		SyncStdout:       l.output.writer(stdoutStream),
		SyncStderr:       l.output.writer(stderrStream),
		Logger:           newHCLog(logger),
		// The runner's own deadline comes first.
		StartTimeout: l.plan.startTimeout + time.Minute,
	}
}

// prepare is go-plugin's RunnerFunc.
func (l *launch) prepare(_ hclog.Logger, cmd *exec.Cmd, socketDir string) (runner.Runner, error) {
	l.socketDir = socketDir
	if l.process != nil {
		l.process.env, l.process.socketDir = cmd.Env, socketDir
	}
	return l.runner, nil
}

// remember is an interceptor that keeps hold of go-plugin's connection:
// go-plugin forgets to close it if it cannot open its own streams on it.
func (l *launch) remember(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string,
	streamer grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	l.dialled.Store(cc)
	return streamer(ctx, desc, cc, method, opts...)
}

// connect starts the process and has the first conversation with it.
func (l *launch) connect(ctx context.Context) (plugins.Info, error) {
	if _, err := l.client.Start(); err != nil {
		return plugins.Info{}, err
	}
	protocol, err := l.client.Client()
	if err != nil {
		return plugins.Info{}, err
	}
	l.connected = true
	dispensed, err := protocol.Dispense(pluginrpc.PluginName)
	if err != nil {
		return plugins.Info{}, err
	}
	conn, ok := dispensed.(*grpc.ClientConn)
	if !ok {
		return plugins.Info{}, fmt.Errorf("go-plugin dispensed a %T instead of a connection", dispensed)
	}
	l.conn = conn
	info, err := l.describe(ctx)
	if err != nil {
		return plugins.Info{}, err
	}
	if info.Has(frames.Capability) && !l.slot.catalog.options.PlainGRPC {
		if l.frames, err = frames.NewConn(conn, l.slot.catalog.options.Limits, l.dialSocket); err != nil {
			return plugins.Info{}, err
		}
	}
	// The session outlives the start; its end is that of the instance.
	if l.session, err = pluginrpc.OpenSession(context.WithoutCancel(ctx), conn); err != nil {
		return plugins.Info{}, err
	}
	return info, l.session.SetLogLevel(ctx, logLevel(events.Below(l.slot.catalog.options.Logger)))
}

// dialSocket makes one more connection to the plugin.
func (l *launch) dialSocket(ctx context.Context) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", l.runner.socket)
	if err != nil && ctx.Err() == nil && !l.runner.isEnding() {
		l.unreachable.Do(func() {
			l.output.log().Warn("the plugin's socket cannot be reached: further streams share its first connection. Keep what tidies temporary files off it",
				"socket", l.runner.socket, "error", err)
		})
	}
	return conn, err
}

// contract is the connection for the calls of the plugin's kind.
func (l *launch) contract() grpc.ClientConnInterface {
	if l.frames != nil {
		return l.frames
	}
	return l.conn
}

// hangUp ends the calls in flight and those to come.
func (l *launch) hangUp() {
	if l.frames != nil {
		l.frames.Close()
	}
	if conn := l.dialled.Load(); conn != nil {
		_ = conn.Close()
	}
}

// describe asks the plugin what it is and compares that with the plan.
func (l *launch) describe(ctx context.Context) (plugins.Info, error) {
	info, err := pluginrpc.Describe(ctx, l.conn)
	if err != nil {
		return plugins.Info{}, err
	}
	pl := l.plan
	if info.Kind != pl.kind && pl.kind != "" {
		return plugins.Info{}, misconfigured{fmt.Errorf("is a %s plugin (%q) but is configured as %s (rule P-11)", info.Kind, info.Name, pl.kind)}
	}
	if pl.name != "" && info.Name != pl.name {
		return plugins.Info{}, misconfigured{fmt.Errorf("calls itself %q but is configured as %q (rule P-11)", info.Name, pl.name)}
	}
	return info, checkRequires(info)
}

// startError turns what went wrong into the one error that the caller gets.
func (l *launch) startError(ctx, startCtx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if context.Cause(startCtx) != nil {
		err = l.timedOut()
	} else {
		err = l.whyGone(err)
	}
	var wrong misconfigured
	permanent := errors.As(err, &wrong) || errors.Is(err, plugins.ErrBadAnswer)
	return &StartError{
		Kind: l.plan.kind, Plugin: l.plan.label, Permanent: permanent,
		Cause: err, Stderr: l.output.tail.String(),
	}
}

func (l *launch) timedOut() error {
	what := "wrote its handshake but did not answer"
	if l.runner.handshake == "" {
		what = "wrote no handshake"
	}
	return fmt.Errorf("%s within the start timeout of %v", what, l.plan.startTimeout)
}

// whyGone replaces the error of a broken connection by the exit of the process
// that broke it, for which it waits a moment.
func (l *launch) whyGone(err error) error {
	var wrong misconfigured
	if l.runner.handshake == "" || errors.As(err, &wrong) || errors.Is(err, plugins.ErrBadAnswer) {
		return err
	}
	pause.Until(l.runner.exited, exitGrace)
	return l.runner.startCause(err)
}

// abandon ends what a failed launch started, and returns when it is gone.
func (l *launch) abandon() {
	l.runner.kill("its start failed")
	l.release()
}

// release waits for the end of the process, if there ever was one, and gives
// back everything that the launch took.
func (l *launch) release() {
	if l.process == nil || l.runner.pid() != 0 {
		<-l.runner.drained
	}
	if l.session != nil {
		l.session.Close()
	}
	l.hangUp()
	if l.connected {
		l.client.Kill()
	}
	if l.socketDir != "" {
		_ = os.RemoveAll(l.socketDir)
	}
}

// logLevel is the least level that the logger takes.
func logLevel(logger *slog.Logger) slog.Level {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn} {
		if logger.Enabled(context.Background(), level) {
			return level
		}
	}
	return slog.LevelError
}
