package httptransport

import (
	"context"
	"log/slog"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/shell"
)

// Name is what the host's configuration calls this backend.
const Name = "http"

// Version is the backend's own version.
const Version = "0.1.0"

// Backend describes this backend to the catalog and to sdk.Serve.
func Backend() backend.Backend { return backend.Transport(Name, New) }

// New returns a transport that is not open yet.
func New(env backend.Env) transport.Transport {
	logger := env.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	t := &httpTransport{logger: logger, timing: newTiming}
	t.Shell = shell.New(Name, Version, configSchema(), t.listen)
	return t
}

// httpTransport is a shell with an endpoint of this backend in it.
type httpTransport struct {
	*shell.Shell

	logger *slog.Logger
	timing func(election time.Duration) timing // newTiming but in tests
}

// listen makes an endpoint and starts it.
func (t *httpTransport) listen(ctx context.Context, opts transport.Options, h transport.Handler) (shell.Endpoint, string, error) {
	e, err := newEndpoint(opts, h, t.logger, t.timing(opts.Election))
	if err != nil {
		return nil, "", err
	}
	address, err := e.listen(ctx, opts.Listen)
	return e, address, err
}
