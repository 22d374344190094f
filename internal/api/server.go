package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/internal/events"
)

// lastWait is how long Stop waits for calls whose contexts it has cancelled.
const lastWait = 5 * time.Second

// Errors of the server itself.
var (
	// ErrNotListening: Serve was called before Listen succeeded.
	ErrNotListening = errors.New("api server is not listening")
	// ErrServerStopped: Listen was called after Stop.
	ErrServerStopped = errors.New("api server is stopped")
)

// A Server serves one host's clients and its admin port. Its methods may be
// called from any goroutine.
type Server struct {
	opts     Options
	log      *slog.Logger
	end      *ending
	requests *requests
	bounds   *bounds
	health   *healthService
	grpc     *grpc.Server
	refusing *grpc.Server // answers clients without TLS, if the port has TLS
	reserved *reservedServers
	json     *http.Server
	admin    *http.Server
	silent   silentConns
	// clientTLS and adminTLS are nil without TLS.
	clientTLS, adminTLS *security
	failed              failedHandshakes
	// These end the contexts of HTTP requests.
	cancelJSON, cancelAdmin context.CancelFunc

	// streams are the handlers that may outlive their calls for a moment,
	// handlers the HTTP requests being answered, serving the goroutines of
	// Serve.
	streams, handlers, serving sync.WaitGroup

	mu       sync.Mutex
	clients  *splitter
	adminLn  *adminListener
	stopped  bool
	stopDone chan struct{}
	stopErr  error
}

// New makes a server that does nothing yet. It panics if Options has no
// Service: that is a mistake of the program, not of its input.
func New(o Options) *Server {
	if err := o.validate(); err != nil {
		panic(err)
	}
	o.Logger = cmp.Or(o.Logger, slog.Default())
	wanted := o.Limits.MaxConnections
	o.Limits = o.Limits.withDefaults()
	if o.Limits.MaxConnections < wanted {
		o.Logger.Warn("fewer client connections are taken than are configured: raise the limit of descriptors (ulimit -n, LimitNOFILE)",
			"configured", wanted, "taken", o.Limits.MaxConnections, "descriptors", descriptorLimit())
	}
	s := &Server{opts: o, log: o.Logger, end: newEnding(), stopDone: make(chan struct{})}
	s.failed.log = o.Logger
	s.bounds = newBounds(o.Limits, o.Logger)
	if o.Metrics != nil {
		o.Metrics.MustRegister(s.bounds.collectors()...)
	}
	s.requests = &requests{
		svc: o.Service, limits: o.Limits, version: o.Version, end: s.end,
		guard: o.Access, classes: o.Classes, audit: o.Audit, refusals: o.Refusals, bounds: s.bounds, buffers: newBufferPool(), happened: cmp.Or(o.Events, events.New()),
	}
	s.health = newHealthService(o.Service, s.end)
	who := recordingRefusals(o.Audit, byPolicy(o.Access, byCertificate))
	s.grpc = newGRPC(s.requests, s.health, who, &s.streams, 0)
	s.refusing = newRefusing(errWantsTLS, o.Limits)
	s.reserved = &reservedServers{limits: o.Limits, running: map[*grpc.Server]struct{}{}, make: func() *grpc.Server {
		return newGRPC(s.requests, s.health, who, &s.streams, o.Limits.ReservedIdle)
	}}
	names := newHostNames(o.HostNames, s.clientAddresses)
	s.json, s.cancelJSON = s.newHTTP(who.http(newJSONAPI(s.requests, names), writeFailure))
	s.json.ConnState = func(c net.Conn, state http.ConnState) {
		s.silent.note(c, state)
		noteIdle(c, state, o.Limits.ReservedIdle)
	}
	s.admin, s.cancelAdmin = s.newHTTP(busyWhile(s.ofToday(names.guard(who.http(newAdmin(o.Service, s.health, o.Gatherer), refuseAdmin)))))
	s.admin.ConnContext = noteAdmin
	return s
}

// clientAddresses are those of all members.
func (s *Server) clientAddresses() []string {
	var all []string
	for _, m := range s.opts.Service.Membership().Members {
		all = append(all, m.ClientAddress)
	}
	return all
}

func (s *Server) newHTTP(h http.Handler) (*http.Server, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	l := s.opts.Limits
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.handlers.Add(1)
			defer s.handlers.Done()
			h.ServeHTTP(w, r)
		}),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       noteConnection,
		ReadHeaderTimeout: l.FirstBytes,
		ReadTimeout:       l.ReadRequest,
		IdleTimeout:       l.Idle,
		MaxHeaderBytes:    headerBytes,
		Protocols:         &protocols,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}, cancel
}

// Serve answers until Stop, and returns nil then. Any other return is a
// failed listener; the caller still has to Stop. It is called once.
func (s *Server) Serve() error {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return nil
	}
	if s.clients == nil {
		s.mu.Unlock()
		return ErrNotListening
	}
	clients, admin := s.clients, s.adminLn
	failed := make(chan error, 5)
	s.serving.Go(func() { failed <- clients.serve() })
	s.serving.Go(func() { failed <- unlessStopped("grpc", s.grpc.Serve(clients.http2)) })
	s.serving.Go(func() { failed <- unlessStopped("grpc without tls", s.refusing.Serve(clients.plain)) })
	s.serving.Go(func() { failed <- unlessStopped("json", s.json.Serve(clients.http1)) })
	if admin != nil {
		s.serving.Go(func() { failed <- unlessStopped("admin", s.admin.Serve(s.adminTLS.over(admin))) })
	}
	s.serving.Go(func() { s.bounds.meters.run(s.end) })
	s.serving.Go(func() { s.bounds.slow.run(s.opts.Limits, s.end, s.log) })
	s.serving.Go(func() { s.health.run(s.opts.Limits.HealthInterval) })
	s.serving.Go(func() { s.opts.Access.Run(s.end.stopping) })
	s.serving.Go(s.watchCertificates)
	s.mu.Unlock()

	for {
		select {
		case err := <-failed:
			if err != nil {
				return err
			}
		case <-s.stopDone:
			return nil
		}
	}
}

func unlessStopped(what string, err error) error {
	switch {
	case err == nil, errors.Is(err, http.ErrServerClosed), errors.Is(err, grpc.ErrServerStopped), errors.Is(err, net.ErrClosed):
		return nil
	}
	return fmt.Errorf("serve %s: %w", what, err)
}

// Drain makes the host look unready and refuses new requests as not applied,
// with ErrStopping. Requests in flight go on, and Status and Members answer.
func (s *Server) Drain() {
	s.end.drain()
	s.health.refresh()
}
