package httptransport

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/guard"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/visitors"
)

// Listen starts the server and returns its address.
func (e *endpoint) Listen(ctx context.Context, address string) (string, error) {
	config := net.ListenConfig{KeepAliveConfig: keepAlive(e.timing)}
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return "", guard.ListenFailed(address, err)
	}
	e.Begin()
	e.server = &http.Server{
		Handler:           e,
		ReadHeaderTimeout: e.timing.Link,
		IdleTimeout:       e.timing.idle,
		MaxHeaderBytes:    16 << 10,
		ConnContext:       withConnection,
		BaseContext:       func(net.Listener) context.Context { return e.Life.Context() },
		ErrorLog:          slog.NewLogLogger(e.Logger.Handler(), slog.LevelDebug),
	}
	limited := &limitedListener{
		Listener: l, visitors: visitors.New(e.config.MaxConnections, e.config.MaxConnectionsPerAddress),
		unacknowledged: e.timing.Link, refusals: e.Trust.Refusals,
	}
	secured := e.security.listener(limited, e.timing.Link)
	e.Life.Go(func() {
		if err := e.server.Serve(secured); !errors.Is(err, http.ErrServerClosed) {
			e.Logger.Error("transport stopped listening", "address", l.Addr().String(), "error", err)
		}
	})
	return l.Addr().String(), nil
}
