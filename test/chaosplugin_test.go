//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/kv"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinerpc"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagerpc"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
	httptransport "github.com/pontoon-raft/pontoon/plugins/transport/http"
	"github.com/pontoon-raft/pontoon/plugins/transport/transportrpc"
)

// chaosCommand is the first argument with which this test binary is the chaos plugin: a
// shipped backend of a kind that tells one lie. After it come the kind, the lie, and a file
// with a byte for each life of the plugin.
const chaosCommand = "chaos"

// A lie is what the chaos plugin does otherwise than the backend that it serves.
type lie struct {
	// lives is how many processes tell it, one after the other; zero is all of them.
	lives int
	// first is how many lives before those tell the truth.
	first int
	// by is what makes the plugin tell it once the host serves; a write, if it is nil.
	by func(*chaos)
	// slow: the host needs half a minute until it is sure.
	slow bool
	// process is called in place of the process's own serve, which it may call.
	process func(p *chaosProcess)
	// describe changes what the plugin says of itself.
	describe func(*plugins.Info)
	// begin is called before the backend's own handler of a stream. The stream ends with its
	// error, or well if that is errOver.
	begin func(method string, s grpc.ServerStream) error
	// say is called with each message for the host, in place of send.
	say func(m any, send func(any) error) error
}

// errOver has a stream end well, whatever the backend still had to say.
var errOver = errors.New("over")

// lies are all that the chaos plugin can tell, by kind and name.
func lies() map[string]lie {
	all := map[string]lie{}
	for kind, some := range map[plugins.Kind]map[string]lie{
		plugins.StateMachine: machineLies(), plugins.Storage: storageLies(), plugins.Transport: transportLies(),
	} {
		for name, l := range some {
			all[string(kind)+": "+name] = l
		}
		for name, l := range processLies() {
			all[string(kind)+": "+name] = l
		}
	}
	return all
}

// serveChaos is the main function of the chaos plugin, if args are those of it.
func serveChaos(args []string) {
	if len(args) == 0 || args[0] != chaosCommand {
		return
	}
	kind, name, lives := plugins.Kind(args[1]), args[2], args[3]
	l, ok := lies()[string(kind)+": "+name]
	if !ok {
		fmt.Fprintf(os.Stderr, "no lie %q of a %s plugin; there are %q\n", name, kind, slices.Sorted(maps.Keys(lies())))
		os.Exit(2)
	}
	if life := nextLife(lives); life <= l.first || l.lives > 0 && life > l.first+l.lives {
		l = lie{}
	}
	p := &chaosProcess{kind: kind, lie: l, opened: make(chan struct{})}
	if l.process != nil {
		l.process(p)
	} else {
		p.serve()
	}
	os.Exit(0)
}

// A chaosProcess is one life of the chaos plugin.
type chaosProcess struct {
	kind plugins.Kind
	lie  lie
	// deaf: it does not end with its standard input.
	deaf bool
	// hangsUp: at SIGUSR1 it ends all its connections, takes no other, and lives on.
	hangsUp bool
	// opened is closed when Open of its kind is answered.
	opened chan struct{}
	once   sync.Once
}

// nextLife counts a life in the file, and returns its number, from 1.
func nextLife(path string) int {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		_, err = f.Write([]byte{'.'})
	}
	info, serr := f.Stat()
	if err := errors.Join(err, serr, f.Close()); err != nil {
		panic(err)
	}
	return int(info.Size())
}

// serve serves until the end of standard input, as the protocol has it.
func (p *chaosProcess) serve() {
	if !p.deaf {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
	}
	path := filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		panic(err)
	}
	server, conns := p.server(), &keptConns{Listener: listener}
	if p.hangsUp {
		go func() {
			told := make(chan os.Signal, 1)
			signal.Notify(told, syscall.SIGUSR1)
			<-told
			_ = os.Remove(path)
			conns.hangUp()
		}()
	}
	fmt.Printf("1|1|unix|%s|grpc|\n", path)
	_ = server.Serve(conns)
	select {}
}

// keptConns is a listener that knows its connections.
type keptConns struct {
	net.Listener
	mu  sync.Mutex
	all []net.Conn
}

// Accept implements net.Listener.
func (k *keptConns) Accept() (net.Conn, error) {
	conn, err := k.Listener.Accept()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = append(k.all, conn)
	return conn, err
}

func (k *keptConns) hangUp() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, conn := range k.all {
		_ = conn.Close()
	}
}

// server has the backend of the kind with the lie.
func (p *chaosProcess) server() *grpc.Server {
	server := grpc.NewServer(append(pluginrpc.ServerOptions(), grpc.ForceServerCodecV2(repeating{pluginrpc.Codec()}), grpc.MaxSendMsgSize(math.MaxInt32))...)
	env := backend.Env{Logger: slog.New(slog.NewJSONHandler(os.Stderr, nil))}
	r := lyingRegistrar{server, p}
	var info plugins.Info
	switch p.kind {
	case plugins.Storage:
		s := wal.Backend().NewStorage(env)
		info = s.Describe()
		storagerpc.Register(r, s)
	case plugins.Transport:
		s := httptransport.Backend().NewTransport(env)
		info = s.Describe()
		transportrpc.Register(r, s)
	default:
		s := kv.Backend().NewStateMachine(env)
		info = s.Describe()
		statemachinerpc.Register(r, s)
	}
	if p.lie.describe != nil {
		p.lie.describe(&info)
	}
	pluginrpc.Service{Info: info, Metrics: func() []byte { return []byte("chaos_metric 1\n") }}.Register(r)
	return server
}

// lyingRegistrar puts a lie between a service and its server.
type lyingRegistrar struct {
	grpc.ServiceRegistrar
	process *chaosProcess
}

// RegisterService implements grpc.ServiceRegistrar.
func (r lyingRegistrar) RegisterService(desc *grpc.ServiceDesc, impl any) {
	lying, lie := *desc, r.process.lie
	lying.Methods, lying.Streams = slices.Clone(desc.Methods), slices.Clone(desc.Streams)
	for i, m := range desc.Methods {
		lying.Methods[i].Handler = func(srv any, ctx context.Context, decode func(any) error, between grpc.UnaryServerInterceptor) (any, error) {
			said, err := m.Handler(srv, ctx, decode, between)
			if err == nil && m.MethodName == "Open" {
				defer r.process.once.Do(func() { close(r.process.opened) })
			}
			if err != nil || lie.say == nil {
				return said, err
			}
			err = lie.say(said, func(m any) error { said = m; return nil })
			return said, err
		}
	}
	for i, s := range desc.Streams {
		lying.Streams[i].Handler = func(srv any, stream grpc.ServerStream) error {
			var err error
			if lie.begin != nil {
				err = lie.begin(s.StreamName, stream)
			}
			if err == nil {
				err = s.Handler(srv, &lyingStream{ServerStream: stream, lie: lie})
			}
			if errors.Is(err, errOver) {
				return nil
			}
			return err
		}
	}
	r.ServiceRegistrar.RegisterService(&lying, impl)
}

type lyingStream struct {
	grpc.ServerStream
	lie lie
}

// SendMsg implements grpc.ServerStream.
func (s *lyingStream) SendMsg(m any) error {
	if s.lie.say == nil {
		return s.ServerStream.SendMsg(m)
	}
	return s.lie.say(m, s.ServerStream.SendMsg)
}

// on is a lie at the beginning of the streams of one method.
func on(method string, begin func(grpc.ServerStream) error) func(string, grpc.ServerStream) error {
	return func(called string, s grpc.ServerStream) error {
		if called != method {
			return nil
		}
		return begin(s)
	}
}

// says is a lie about the messages of one type: change returns what is said in place of each.
func says[T any](change func(*T) []any) func(any, func(any) error) error {
	return func(m any, send func(any) error) error {
		told, ok := m.(*T)
		if !ok {
			return send(m)
		}
		for _, m := range change(told) {
			if err, is := m.(error); is {
				return err
			}
			if err := send(m); err != nil {
				return err
			}
		}
		return nil
	}
}

// spoils is a lie that changes each message of one type.
func spoils[T any](change func(*T)) func(any, func(any) error) error {
	return says(func(m *T) []any { change(m); return []any{m} })
}

// endless is the same message again and again.
func endless[T any](change func(*T)) func(any, func(any) error) error {
	return func(m any, send func(any) error) error {
		told, ok := m.(*T)
		for ok {
			change(told)
			if err := send(told); err != nil {
				return err
			}
		}
		return send(m)
	}
}

// mute never says what is of one type.
func mute[T any]() func(any, func(any) error) error {
	return func(m any, send func(any) error) error {
		if _, ok := m.(*T); ok {
			select {}
		}
		return send(m)
	}
}

// zeros is a message of so many bytes, all of them zero, for which there need not be the
// memory.
type zeros int

// repeating is a codec that knows zeros.
type repeating struct{ encoding.CodecV2 }

// Marshal implements encoding.CodecV2.
func (c repeating) Marshal(v any) (mem.BufferSlice, error) {
	size, ok := v.(zeros)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	block := make([]byte, 1<<20)
	var all mem.BufferSlice
	for left := int(size); left > 0; left -= len(block) {
		all = append(all, mem.SliceBuffer(block[:min(left, len(block))]))
	}
	return all, nil
}

// huge says two gibibytes in the place of each message of one type.
func huge[T any]() func(any, func(any) error) error {
	return says(func(*T) []any { return []any{zeros(1<<31 - 1)} })
}
