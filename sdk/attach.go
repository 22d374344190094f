package sdk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/internal/ownership"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/frames"
)

const (
	// closeGrace is how long the backend of a host that is gone may take to close.
	closeGrace = 10 * time.Second
	// maxAttachPath leaves the paths of the hosts' sockets, which are a little longer, what
	// every system takes.
	maxAttachPath = 92
	// greetingTime is how long a host may take to say that it is one.
	greetingTime = 10 * time.Second
)

// An attachable is a plugin that was started by hand. It serves one host after the other,
// each with a backend of its own.
type attachable struct {
	backend Backend
	path    string
	level   *slog.LevelVar
	log     *slog.Logger
	// held has the one place for a host.
	held  chan struct{}
	hosts int // so many were served; of the one that has the place
	// failed takes why the plugin cannot serve another host.
	failed chan error

	mu sync.Mutex
	// told is why a host was refused, as the log has it; empty if none was since the last
	// one attached.
	told string
}

// serveAttached waits for hosts until a signal ends it, and returns the exit code.
func serveAttached(p process, b Backend) int {
	level := new(slog.LevelVar)
	log := slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: level}))
	slog.SetDefault(log)
	fail := func(code int, err error) int {
		fmt.Fprintf(p.stderr, "%s plugin %s: %v\n", b.Kind, b.Name, err)
		return code
	}
	given := p.args[slices.Index(p.args, AttachCommand)+1:]
	if len(given) > 1 {
		return fail(ExitUsage, errors.New("one path may follow the argument attach"))
	}
	if _, err := create(b, log); err != nil {
		return fail(ExitBackend, err)
	}
	path, err := attachPath(b, given)
	if err != nil {
		return fail(ExitUsage, err)
	}
	l, err := listenPrivately(path)
	if err != nil {
		return fail(ExitUsage, err)
	}
	defer func() { _ = l.Close() }()
	a := &attachable{backend: b, path: path, level: level, log: log, held: make(chan struct{}, 1), failed: make(chan error, 1)}
	fmt.Fprintf(p.stderr, attachText, b.Kind, b.Name, b.Kind, pluginrpc.AttachScheme+path)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go a.accept(l)
	select {
	case <-signals: // what a plugin has promised to keep is safe at any time
		return 0
	case err := <-a.failed:
		return fail(1, err)
	}
}

// attachText says how the configuration names the plugin. A transport has its addresses
// besides.
const attachText = `%s %s waits for a host, whose configuration has:

    plugins:
      %s:
        address: %s

`

// attachPath is the socket's path: the one that was given, or one in a directory of this
// user's.
func attachPath(b Backend, given []string) (string, error) {
	if len(given) > 0 {
		return filepath.Abs(given[0])
	}
	dir := cmp.Or(os.Getenv("XDG_RUNTIME_DIR"), os.TempDir())
	return filepath.Join(dir, fmt.Sprintf("pontoon-attach-%d", os.Getuid()), fmt.Sprintf("%s-%s.sock", b.Kind, b.Name)), nil
}

// listenPrivately listens at path, in a directory that no other user may enter. A socket
// that is left of a plugin which has ended is replaced, one that is in use is not.
func listenPrivately(path string) (net.Listener, error) {
	if len(path) > maxAttachPath {
		return nil, fmt.Errorf("the path %s has %d bytes, and may have %d", path, len(path), maxAttachPath)
	}
	dir := filepath.Dir(path)
	if err := ownership.CheckDir(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := ownership.CheckPrivate(dir); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return l, err
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		_ = conn.Close()
		return nil, fmt.Errorf("a plugin listens on %s already: end it, or give another path", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return nil, err
	}
	return listenAnew(path)
}

// listenAnew listens at path, in the place of what is left of a process that has ended.
func listenAnew(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		_ = os.Remove(path)
	}
	return net.Listen("unix", path)
}

func (a *attachable) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			a.fail(err)
			return
		}
		go a.receive(conn)
	}
}

// fail ends the process with err. The first reason counts.
func (a *attachable) fail(err error) {
	select {
	case a.failed <- err:
	default:
	}
}

// receive serves a host until it is gone, or refuses it.
func (a *attachable) receive(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(greetingTime))
	if err := pluginrpc.ReadAttachGreeting(conn); err != nil {
		a.refuse(conn, err)
		return
	}
	select {
	case a.held <- struct{}{}:
	default:
		a.refuse(conn, errors.New("another host is attached to it, or one that has gone left calls that still run"))
		return
	}
	err := a.serve(conn)
	if errors.Is(err, errNotClosed) {
		a.fail(err) // and the place stays taken
		return
	}
	if err != nil {
		a.refuse(conn, err)
	}
	<-a.held
}

// refuse tells a host why it is not taken. The log hears of it once, since a host that
// waits asks every second.
func (a *attachable) refuse(conn net.Conn, why error) {
	if a.tell(why.Error()) {
		a.log.Warn("a host was refused", "reason", why)
	}
	_, _ = fmt.Fprintf(conn, "%s%v\n", pluginrpc.AttachRefusal, why) // it may be gone
}

// tell notes why a host was refused, and reports whether that is new. Empty is that one has
// attached.
func (a *attachable) tell(why string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.told
	a.told = why
	return why != before
}

// errNotClosed: the backend of a host that is gone may still hold what the next needs.
var errNotClosed = errors.New("the backend did not close after its host had gone: start the plugin again")

// serve serves one host with a backend of its own, on a socket of its own: what is left of
// the host before reaches neither.
func (a *attachable) serve(conn net.Conn) error {
	in, err := create(a.backend, a.log)
	if err != nil {
		return err
	}
	path, stop, err := a.open(in)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn, "1|%d|unix|%s|grpc|\n", plugins.ProtocolVersion, path); err == nil {
		a.tell("")
		a.log.Info("a host has attached")
		_ = conn.SetDeadline(time.Time{})
		_, _ = conn.Read(make([]byte, 1)) // its end is that of the host; a host writes nothing
		a.log.Info("the host has gone")
	}
	stop()
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	if err := in.close(ctx); err != nil {
		return fmt.Errorf("%w: %w", errNotClosed, err)
	}
	return nil
}

// open serves a backend on a socket of its own. stop returns when its calls have ended,
// also those that a debugger holds up.
func (a *attachable) open(in *instance) (path string, stop func(), err error) {
	a.hosts++
	path = fmt.Sprintf("%s.%d", a.path, a.hosts)
	l, err := listenAnew(path)
	if err != nil {
		return "", nil, err
	}
	streams := frames.NewServer()
	server := newServer(streams, grpc.WaitForHandlers(true))
	in.registerAll(a.level)(streams.With(server))
	go func() {
		_ = server.Serve(l) // it ends with stop, which removes the socket
	}()
	return path, func() {
		late := time.AfterFunc(closeGrace, func() {
			a.log.Warn("calls of the host that has gone still run; no other host is taken before they end")
		})
		defer late.Stop()
		server.Stop()
		streams.Close()
	}, nil
}
