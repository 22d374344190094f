package sdk

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"

	"github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/frames"
)

// Exit codes of a plugin's process. A host tries again after other ones.
const (
	// ExitUsage: started by hand, or with arguments that make no sense.
	ExitUsage = 64
	// ExitBackend: the backend cannot be served at all; a new start will not
	// help.
	ExitBackend = 78
)

// BuiltinCommand is the first argument of a host's executable that is to
// serve one of its own backends: BuiltinCommand, kind, name.
const BuiltinCommand = "plugin-serve"

// AttachCommand is the last argument of a plugin that is started by hand, and waits for
// hosts to attach to it, or the last but one, with the path of its socket after it.
const AttachCommand = "attach"

// Serve serves b and does not return: it is the whole of a plugin's main.
func Serve(b Backend) {
	os.Exit(serve(process{args: os.Args[1:], stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}, b))
}

// ServeBuiltin serves one of backends, and then does not return, if args
// (os.Args[1:]) begin with BuiltinCommand. Otherwise it returns false. It is
// the first statement of a host's main, and of TestMain where tests start
// their own executable as a plugin.
func ServeBuiltin(args []string, backends []Backend) (served bool) {
	if len(args) == 0 || args[0] != BuiltinCommand {
		return false
	}
	p := process{args: args[1:], stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(serveBuiltin(p, backends))
	return true
}

func serveBuiltin(p process, backends []Backend) int {
	if len(p.args) < 2 {
		fmt.Fprintf(p.stderr, "usage: %s KIND NAME; a host starts it so, people need not\n", BuiltinCommand)
		return ExitUsage
	}
	kind, name := plugins.Kind(p.args[0]), p.args[1]
	for _, b := range backends {
		if b.Kind == kind && b.Name == name {
			p.args = p.args[2:]
			return serve(p, b)
		}
	}
	fmt.Fprintf(p.stderr, "there is no shipped %s plugin %q; shipped are:", kind, name)
	for _, b := range backends {
		fmt.Fprintf(p.stderr, " %s %s", b.Kind, b.Name)
	}
	fmt.Fprintln(p.stderr)
	return ExitBackend
}

// process is what a plugin sees of its own process.
type process struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
}

// shareProcessors takes half of the machine's processors for this plugin,
// unless GOMAXPROCS says otherwise: it works hand in hand with its host and two
// other plugins on the same machine, and idle threads that look for work cost
// them more than they bring (measured on 2 cores with 3 nodes: 15 % of all CPU
// per write, 10 % of its latency).
func shareProcessors() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(1, runtime.GOMAXPROCS(0)/2))
	}
}

// serve does what the arguments say and returns the exit code.
func serve(p process, b Backend) int {
	shareProcessors()
	switch {
	case len(p.args) == 1 && p.args[0] == "describe":
		return serveDescribe(p, b)
	case os.Getenv(pluginrpc.CookieKey) == pluginrpc.CookieValue:
		return run(p, b)
	case slices.Contains(p.args, AttachCommand):
		return serveAttached(p, b)
	default:
		fmt.Fprintf(p.stderr, "this is a Pontoon plugin: %s %s. It is run by the host, which finds it through the\n"+
			"plugins section of its configuration. To see what it is, run it with the argument \"describe\"; to have\n"+
			"it wait for a host, in a debugger for example, with the argument \"attach\".\n", b.Kind, b.Name)
		return ExitUsage
	}
}

func serveDescribe(p process, b Backend) int {
	in, err := create(b, newLogger(p.stderr, slog.LevelWarn))
	if err == nil {
		err = describe(p.stdout, in.info)
	}
	if err != nil {
		fmt.Fprintf(p.stderr, "%s plugin %s: %v\n", b.Kind, b.Name, err)
		return ExitBackend
	}
	return 0
}

// run serves until the host says otherwise.
func run(p process, b Backend) int {
	// Taken before go-plugin replaces os.Stderr: logs go to the real one.
	level := new(slog.LevelVar)
	log := newLogger(p.stderr, level)
	slog.SetDefault(log) // and with it package log
	if err := nameProcess(b.Name); err != nil {
		log.Debug("the process keeps the name that it was started with", "error", err)
	}

	// Not signal.Ignore, which children of the plugin would inherit.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for s := range signals {
			log.Debug("ignoring signal: the host stops its plugins itself", "signal", s.String())
		}
	}()

	in, err := create(b, log)
	if err != nil {
		log.Error("plugin cannot be served", "kind", string(b.Kind), "plugin", b.Name, "error", err.Error())
		return ExitBackend
	}
	go watchLifeline(p.stdin, log)
	served := false // go-plugin returns in the same way if it never listened
	register, streams := in.registerAll(level), frames.NewServer()
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: pluginrpc.Handshake(),
		VersionedPlugins: pluginrpc.VersionedPlugins(func(r grpc.ServiceRegistrar) {
			served = true
			register(streams.With(r))
		}),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server { return newServer(streams, opts...) },
		Logger: hclog.New(&hclog.LoggerOptions{
			Name: "go-plugin", Level: hclog.Warn, Output: p.stderr, JSONFormat: true,
		}),
	})
	if !served {
		return 1
	}
	return 0
}

// newServer makes the server of a plugin's socket, which streams take theirs from.
func newServer(streams *frames.Server, opts ...grpc.ServerOption) *grpc.Server {
	opts = append(opts, pluginrpc.ServerOptions()...)
	return grpc.NewServer(append(opts, grpc.Creds(streams.Credentials()))...)
}

// watchLifeline ends the process at once when stdin ends, which it does when
// the host is gone. There is nothing to save: a plugin must be safe against
// losing its process at any time, and a process that lingers would keep its
// lock from the next one.
func watchLifeline(stdin io.Reader, log *slog.Logger) {
	buf := make([]byte, 64)
	for {
		_, err := stdin.Read(buf)
		if err == nil {
			continue
		}
		if !errors.Is(err, io.EOF) {
			log.Warn("lifeline broke", "error", err.Error())
		}
		os.Exit(0)
	}
}
