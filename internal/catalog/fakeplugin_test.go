//go:build linux

package catalog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	plugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/frames"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinerpc"
)

// fakeInfo is how the fake of a kind describes itself.
func fakeInfo(kind, name string) plugins.Info {
	return plugins.Info{Kind: plugins.Kind(kind), Name: name, Version: "1.2.3", Protocols: []uint32{1}}
}

// echoMachine is a state machine that answers queries with their own bytes.
type echoMachine struct {
	statemachine.StateMachine
	closed chan struct{}
}

func newEchoMachine() *echoMachine { return &echoMachine{closed: make(chan struct{}, 8)} }

func (*echoMachine) Describe() plugins.Info { return fakeInfo("statemachine", "echo") }

func (*echoMachine) Open(context.Context, plugins.Options) (uint64, error) { return 7, nil }

// Query also does what some tests need a plugin to do.
func (*echoMachine) Query(_ context.Context, data []byte) ([]byte, error) {
	if name, ok := bytes.CutPrefix(data, []byte("env ")); ok {
		return []byte(os.Getenv(string(name))), nil
	}
	exitIfTold(data)
	return data, nil
}

// Apply answers each command with its own bytes.
func (*echoMachine) Apply(_ context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	results := make([]statemachine.Result, len(b.Entries))
	for i := range b.Entries {
		exitIfTold(b.Entries[i].Data)
		if string(b.Entries[i].Data) == "hang" {
			_, _ = syscall.Write(2, []byte("hanging\n"))
			deadlocked()
		}
		results[i].Data = b.Entries[i].Data
	}
	return results, nil
}

// exitIfTold ends the process with words and a code of its own.
func exitIfTold(data []byte) {
	if string(data) == "exit" {
		// os.Stderr goes by go-plugin's stream, which would end half-way.
		_, _ = syscall.Write(2, []byte("cannot go on\n"))
		os.Exit(3)
	}
}

func (m *echoMachine) Close(context.Context) error {
	m.closed <- struct{}{}
	return nil
}

// serveFake serves a well-behaved plugin, without frames, until its host is
// gone.
func serveFake(kind, name string) { serveFakeOver(nil, kind, name) }

// serveDemanding serves one that requires something of its host.
func serveDemanding(c plugins.Capability) {
	info := fakeInfo("statemachine", "echo")
	info.Requires = []plugins.Capability{c}
	serveGoPlugin(nil, func(r grpc.ServiceRegistrar) {
		pluginrpc.Service{Info: info}.Register(r)
		statemachinerpc.Register(r, newEchoMachine())
	})
}

// serveBlocked serves one that does not return from being told who leads.
func serveBlocked() {
	info := fakeInfo("statemachine", "echo")
	info.Capabilities = []plugins.Capability{plugins.CapabilityLeadership}
	serveGoPlugin(nil, func(r grpc.ServiceRegistrar) {
		pluginrpc.Service{Info: info, SetLeadership: func(plugins.Leadership) { deadlocked() }}.Register(r)
		statemachinerpc.Register(r, newEchoMachine())
	})
}

// serveFakeOver serves it with frames too, unless streams is nil.
func serveFakeOver(streams *frames.Server, kind, name string) {
	info := fakeInfo(kind, name)
	if streams != nil {
		info.Capabilities = append(info.Capabilities, frames.Capability)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	serveGoPlugin(streams, func(r grpc.ServiceRegistrar) {
		pluginrpc.Service{
			Info:    info,
			Metrics: func() []byte { return []byte("fake_metric 1\n") },
		}.Register(r)
		if kind == "statemachine" {
			statemachinerpc.Register(r, newEchoMachine())
		}
	})
}

func serveGoPlugin(streams *frames.Server, register func(grpc.ServiceRegistrar)) {
	options := pluginrpc.ServerOptions()
	both := register
	if streams != nil {
		options = append(options, grpc.Creds(streams.Credentials()))
		both = func(r grpc.ServiceRegistrar) { register(streams.With(r)) }
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  pluginrpc.Handshake(),
		VersionedPlugins: pluginrpc.VersionedPlugins(both),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, options...)...)
		},
	})
}

// listen makes the socket that a plugin written without go-plugin makes.
func listen() (net.Listener, string) {
	path := filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		fatal(err)
	}
	return l, path
}

// handshake prints the handshake line of a plugin that is right.
func handshake(path string) { fmt.Printf("1|1|unix|%s|grpc|\n", path) }

// foreverUnlessKilled keeps the process alive whatever its host asks for.
func foreverUnlessKilled() {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	select {}
}

// untilHostEnds waits for the end of standard input.
func untilHostEnds() { _, _ = io.Copy(io.Discard, os.Stdin) }

// runFakePlugin is a third party's plugin that behaves as the mode says.
func runFakePlugin(mode string) {
	mode, argument, _ := strings.Cut(mode, "=")
	behaviours := map[string]func(){
		"echo":              func() { serveFake("statemachine", "echo") },
		"requires":          func() { serveDemanding(plugins.Capability(argument)) },
		"blocks-leadership": serveBlocked,
		"describes-as":      func() { kind, name, _ := strings.Cut(argument, "/"); serveFake(kind, name) },
		"exits": func() {
			fmt.Fprintln(os.Stderr, "first line\n\nno configuration found")
			os.Exit(3)
		},
		"prints":          func() { fmt.Println(argument); foreverUnlessKilled() },
		"prints-and-ends": func() { fmt.Print(argument) },
		"silent":          foreverUnlessKilled,
		"closes-stdout":   func() { _ = os.Stdout.Close(); foreverUnlessKilled() },
		"listens-outside": func() { handshake("/tmp/elsewhere"); foreverUnlessKilled() },
		"never-accepts":   func() { _, path := listen(); handshake(path); foreverUnlessKilled() },
		"ends-after-handshake": func() {
			_, path := listen()
			handshake(path)
			fmt.Fprintln(os.Stderr, "regrets")
			os.Exit(4)
		},
		"no-controller":  func() { go serveBare(false); untilHostEnds() },
		"stubborn":       func() { go serveBare(false); foreverUnlessKilled() },
		"hangs-up":       func() { go serveUntilUSR1(); foreverUnlessKilled() },
		"deaf":           func() { go serveBare(true); foreverUnlessKilled() },
		"deaf-and-stuck": func() { signal.Ignore(syscall.SIGQUIT); go serveStuck(); foreverUnlessKilled() },
		"deaf-and-busy": func() {
			go serveBare(true)
			var over atomic.Bool
			for !over.Load() { // at work, whatever it is
			}
		},
		"leaves-child": func() { leaveChild(); serveFake("statemachine", "echo") },
		"floods": func() {
			go flood()
			serveFake("statemachine", "echo")
		},
		"logs": func() {
			logs()
			serveFake("statemachine", "echo")
		},
	}
	behave, ok := behaviours[mode]
	if !ok {
		fatal(errors.New("unknown mode " + mode))
	}
	behave()
}

// serveBare serves the plugin's own services and none of go-plugin's.
func serveBare(deaf bool) {
	l, path := listen()
	s := grpc.NewServer(pluginrpc.ServerOptions()...)
	if deaf {
		pluginv1.RegisterPluginServer(s, &deafServer{})
	} else {
		pluginrpc.Service{Info: fakeInfo("statemachine", "echo")}.Register(s)
	}
	handshake(path)
	_ = s.Serve(l)
}

// serveStuck answers no probe, and no call of any kind.
func serveStuck() {
	l, path := listen()
	s := grpc.NewServer(append(pluginrpc.ServerOptions(), grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error {
		deadlocked()
		return nil
	}))...)
	pluginv1.RegisterPluginServer(s, &deafServer{})
	handshake(path)
	_ = s.Serve(l)
}

// serveUntilUSR1 serves until a signal ends all connections and takes no new ones;
// the process goes on.
func serveUntilUSR1() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGUSR1)
	l, path := listen()
	s := grpc.NewServer(pluginrpc.ServerOptions()...)
	pluginrpc.Service{Info: fakeInfo("statemachine", "echo")}.Register(s)
	go func() {
		<-told
		s.Stop()
	}()
	handshake(path)
	_ = s.Serve(l)
}

// deafServer answers the first request of its session and no other.
type deafServer struct {
	pluginv1.UnimplementedPluginServer
}

func (*deafServer) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	return &pluginv1.DescribeResponse{Kind: "statemachine", Name: "echo", Protocols: []uint32{1}}, nil
}

func (*deafServer) Session(stream grpc.BidiStreamingServer[pluginv1.SessionRequest, pluginv1.SessionResponse]) error {
	req, err := stream.Recv()
	if err != nil {
		return err
	}
	if err := stream.Send(&pluginv1.SessionResponse{Seq: req.Seq}); err != nil {
		return err
	}
	deadlocked()
	return nil
}

// deadlocked has a name that shows in a dump of the goroutines.
//
//go:noinline
func deadlocked() { select {} }

// leaveChild starts a process that outlives its parent, holds its standard
// error and tells its pid.
func leaveChild() {
	child := exec.Command("/bin/sleep", "3600")
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		fatal(err)
	}
	slog.New(slog.NewJSONHandler(os.Stderr, nil)).Info("left a child", "child", child.Process.Pid)
}

func flood() {
	line := []byte(strings.Repeat("x", 1023) + "\n")
	block := bytes.Repeat(line, 64)
	for {
		if _, err := os.Stderr.Write(block); err != nil {
			return
		}
	}
}

// logs writes what loggers write, and what would break a careless parser.
func logs() {
	fmt.Fprintln(os.Stderr, `{"@level":"warn","@message":"from hclog","@timestamp":"2026-11-21T10:00:00.000000Z","size":3,"pid":1}`)
	fmt.Fprintln(os.Stderr, `{"level":"ERROR","msg":"from slog","time":"2026-11-21T10:00:00Z"}`)
	fmt.Fprintln(os.Stderr, `{"@message":1,"@level":2,"@timestamp":3}`)
	fmt.Fprintln(os.Stderr, "[DEBUG] with a prefix")
	fmt.Fprintln(os.Stderr, "plain words")
	fmt.Fprintln(os.Stderr, strings.Repeat("y", 1<<20))
}
