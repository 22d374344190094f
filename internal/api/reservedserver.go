package api

import (
	"sync"
	"time"

	"google.golang.org/grpc"
)

// reservedServers serve gRPC on the reserved connections, each of which has a
// server of its own: gRPC can tell a client to go (GOAWAY), and answer what is
// under way before it closes, for a server as a whole only.
type reservedServers struct {
	make   func() *grpc.Server
	limits Limits
	// serving are the goroutines of all of them.
	serving sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	running map[*grpc.Server]struct{}
}

// serve serves one connection, and returns when its server has it.
func (r *reservedServers) serve(c *clientConn) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		c.Close()
		return
	}
	g, one := r.make(), newBranch(c.LocalAddr())
	r.running[g] = struct{}{}
	r.serving.Go(func() {
		_ = g.Serve(one) // its end is that of the connection, or of the server
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.running, g)
	})
	r.serving.Go(func() {
		<-c.closed
		g.Stop()
	})
	r.mu.Unlock()
	c.place.leave = sync.OnceFunc(func() { go r.end(g) })
	one.hand(c)
}

// end closes a server's connection when what is under way there is answered: an
// administrator's request may take a while. A stream that does not end is
// ended.
func (r *reservedServers) end(g *grpc.Server) {
	limit := time.AfterFunc(r.limits.Idle, g.Stop)
	defer limit.Stop()
	g.GracefulStop()
}

// drain takes no connections any more and lets those that there are answer what
// is under way.
func (r *reservedServers) drain() { r.endAll((*grpc.Server).GracefulStop) }

// stop ends all connections at once. Their goroutines end then.
func (r *reservedServers) stop() { r.endAll((*grpc.Server).Stop) }

func (r *reservedServers) endAll(end func(*grpc.Server)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for g := range r.running {
		r.serving.Go(func() { end(g) })
	}
}
