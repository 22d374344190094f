package httptransport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/report"
)

// listen starts the server and returns its address.
func (e *endpoint) listen(ctx context.Context, address string) (string, error) {
	config := net.ListenConfig{KeepAliveConfig: keepAlive(e.timing)}
	l, err := config.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "", fmt.Errorf("listen on %s: %w", address, transport.ErrAddressInUse)
	case err != nil:
		return "", fmt.Errorf("%w: listen on %s: %w", plugins.ErrInvalidConfig, address, err)
	}
	e.reporter = report.New(e.handler.Notify)
	e.server = &http.Server{
		Handler:           e,
		ReadHeaderTimeout: e.timing.link,
		IdleTimeout:       e.timing.idle,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return e.ctx },
		ErrorLog:          slog.NewLogLogger(e.logger.Handler(), slog.LevelDebug),
	}
	limited := &limitedListener{
		Listener: l, total: e.config.MaxConnections, each: e.config.MaxConnectionsPerAddress,
		unacknowledged: e.timing.link, open: map[string]int{},
	}
	secured := e.security.listener(limited, e.timing.link)
	e.running.Go(func() { e.security.watch(e.ctx) })
	e.running.Go(func() {
		if err := e.server.Serve(secured); !errors.Is(err, http.ErrServerClosed) {
			e.logger.Error("transport stopped listening", "address", l.Addr().String(), "error", err)
		}
	})
	return l.Addr().String(), nil
}

// limitedListener closes connections that are too many as soon as they come.
type limitedListener struct {
	net.Listener
	total, each    int
	unacknowledged time.Duration

	mu   sync.Mutex
	all  int
	open map[string]int // by IP address
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		host, _, err := net.SplitHostPort(c.RemoteAddr().String())
		if err != nil || !l.admit(host) {
			_ = c.Close()
			continue
		}
		boundSocket(c, l.unacknowledged)
		return &admittedConn{Conn: c, release: sync.OnceFunc(func() { l.release(host) })}, nil
	}
}

func (l *limitedListener) admit(host string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= l.total || l.open[host] >= l.each {
		return false
	}
	l.all++
	l.open[host]++
	return true
}

func (l *limitedListener) release(host string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.open[host]--; l.open[host] == 0 {
		delete(l.open, host)
	}
}

// admittedConn gives its place back when it is closed.
type admittedConn struct {
	net.Conn
	release func()
}

func (c *admittedConn) Close() error {
	// First, so that whoever sees the connection close finds a place.
	c.release()
	return c.Conn.Close()
}
