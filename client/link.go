package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/keepalive"
)

const (
	// Fixed windows that hold the batches of a thousand callers; they also
	// save the pings by which gRPC measures the path.
	streamWindow     = 1 << 20
	connectionWindow = 4 << 20

	// A broken connection is tried again after redialMin, doubling to
	// redialMax.
	redialMin = 20 * time.Millisecond
	redialMax = 500 * time.Millisecond
)

// A link is the connection to one address. gRPC keeps it up; the link knows
// when an attempt failed and why, which gRPC tells only to calls.
type link struct {
	conn *grpc.ClientConn

	mu sync.Mutex
	// failed is closed, and replaced, when an attempt to connect has failed;
	// why is the last attempt's error, nil if it succeeded.
	failed chan struct{}
	why    error
}

func newLink(addr string, o Options) (*link, error) {
	l := &link{failed: make(chan struct{})}
	conn, err := grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(l.credentials(o)),
		grpc.WithContextDialer(l.dial),
		grpc.WithPerRPCCredentials(bearerFor(o, addr)),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		grpc.WithIdleTimeout(0),
		grpc.WithStaticStreamWindowSize(streamWindow),
		grpc.WithStaticConnWindowSize(connectionWindow),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(o.MaxAnswerBytes)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: pingTimeout}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: redialMin, Multiplier: 2, Jitter: 0.2, MaxDelay: redialMax},
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
	l.note(err)
	return conn, err
}

// note keeps how the last step of an attempt to connect went: the dial, the
// handshake, or the first read after it.
func (l *link) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.why = err
	if err != nil {
		close(l.failed)
		l.failed = make(chan struct{})
	}
}

func (l *link) failure() (<-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed, l.why
}

// connect waits until the connection is up, an attempt has failed, or timeout
// has passed. While gRPC waits before its next attempt, the last one stands for
// it: there are other members to try meanwhile. (Its ResetConnectBackoff does
// not help, because it races with the connection's own goroutines.)
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

	for {
		l.conn.Connect()
		state := l.conn.GetState()
		switch state {
		case connectivity.Ready:
			return nil
		case connectivity.Shutdown:
			return ErrClosed
		case connectivity.TransientFailure:
			if _, why := l.failure(); why != nil {
				return why
			}
		}
		if l.conn.WaitForStateChange(ctx, state) {
			continue
		}
		select {
		case <-failed:
			if _, why := l.failure(); why != nil {
				return why
			}
			// Another attempt has begun already.
			return errors.New("connection attempt failed")
		default:
			return fmt.Errorf("no connection within %v: %w", timeout, ctx.Err())
		}
	}
}
