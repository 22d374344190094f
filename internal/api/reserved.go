package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/server"
)

// reservedConnections are taken beyond Limits.MaxConnections, for
// administration alone: clients that hold all others do not keep an operator
// out.
const reservedConnections = 16

// A place is what a reserved connection has. It is for a moment: a client that is
// refused there, or that is idle, gives it up.
type place struct {
	full func() bool // the limit is still reached
	// leave closes an HTTP/2 connection when what is under way there is
	// answered; nil for HTTP/1.1.
	leave func()
	idle  atomic.Pointer[time.Timer] // closes an HTTP/1.1 connection
}

// placeOf is the reserved place that a request came on; nil if it came on
// another connection.
func placeOf(ctx context.Context) *place {
	if conn := connectionOf(ctx).conn; conn != nil {
		return conn.place
	}
	return nil
}

// takes refuses requests for the state machine while the host stops, and those that
// forClients refuses.
func (r *requests) takes(ctx context.Context) error {
	if err := r.end.refusal(); err != nil {
		return err
	}
	return r.forClients(ctx)
}

// forClients refuses proposals and queries on a reserved connection, as long as
// the limit is reached, and has it closed: a client that would keep it keeps an
// operator out.
func (r *requests) forClients(ctx context.Context) error {
	p := placeOf(ctx)
	if p == nil || !p.full() {
		return nil
	}
	if p.leave != nil {
		p.leave()
	}
	return &server.Error{
		Err:        server.ErrTooManyRequests,
		Detail:     fmt.Sprintf("%d client connections are open; beyond that only administration is served", r.limits.MaxConnections),
		RetryAfter: fullRetryAfter,
	}
}

// noteIdle closes a reserved HTTP/1.1 connection that is idle for too long.
func noteIdle(conn net.Conn, state http.ConnState, limit time.Duration) {
	c, ok := conn.(*clientConn)
	if !ok || c.place == nil {
		return
	}
	var next *time.Timer
	if state == http.StateIdle {
		next = time.AfterFunc(limit, func() { c.Close() })
	}
	if before := c.place.idle.Swap(next); before != nil {
		before.Stop()
	}
}
