package client

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

const (
	// Fixed windows that hold the batches of a thousand callers; they also
	// save the pings by which gRPC measures the path.
	streamWindow     = 1 << 20
	connectionWindow = 4 << 20
)

// A link is the connection to one address. gRPC keeps it up; the link knows
// when an attempt failed and why, which gRPC tells only to calls.
type link struct {
	conn *grpc.ClientConn

	mu sync.Mutex
	// failed is closed, and replaced, when an attempt to connect has failed;
	// why is the last such failure.
	failed chan struct{}
	why    error
}

func newLink(addr string, o Options) (*link, error) {
	l := &link{failed: make(chan struct{})}
	conn, err := grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(l.dial),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		grpc.WithIdleTimeout(0),
		grpc.WithStaticStreamWindowSize(streamWindow),
		grpc.WithStaticConnWindowSize(connectionWindow),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(o.MaxAnswerBytes)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: pingTimeout}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: o.DialTimeout,
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	l.conn = conn
	return l, nil
}

// dial is gRPC's way to connect.
func (l *link) dial(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.why = err
		close(l.failed)
		l.failed = make(chan struct{})
	}
	return conn, err
}

func (l *link) failure() (<-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed, l.why
}

// connect waits until the connection is up, an attempt has failed, or timeout
// has passed.
func (l *link) connect(ctx context.Context, timeout time.Duration) error {
	failed, _ := l.failure()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-failed:
			cancel()
		case <-ctx.Done():
		}
	})
	defer watch.Wait()
	defer cancel()

	// A broken connection waits before it tries again; a caller does not.
	l.conn.ResetConnectBackoff()
	for {
		l.conn.Connect()
		state := l.conn.GetState()
		switch state {
		case connectivity.Ready:
			return nil
		case connectivity.Shutdown:
			return ErrClosed
		}
		if l.conn.WaitForStateChange(ctx, state) {
			continue
		}
		select {
		case <-failed:
			_, why := l.failure()
			return why
		default:
			return fmt.Errorf("no connection within %v: %w", timeout, ctx.Err())
		}
	}
}
