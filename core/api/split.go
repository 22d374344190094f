package api

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/core/access"
)

// preface is how every HTTP/2 connection begins. No HTTP/1.1 request begins
// like it.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// A splitter accepts the clients' connections, reads as little as shows which
// protocol they speak, and hands them to one of its two branches. It never
// waits for one connection while others come.
type splitter struct {
	base       net.Listener
	log        *slog.Logger
	firstBytes time.Duration
	max        int64

	http1, http2 *branch
	reserved     *reservedServers // serve HTTP/2 beyond max
	guard        *access.Guard    // counts connections for its clients
	meters       *meters

	// open counts connections that were accepted and not yet closed; refused
	// those that were closed because of max.
	open, refused atomic.Int64

	mu     sync.Mutex
	closed bool
	// undecided are the connections whose protocol is not known yet.
	undecided map[net.Conn]struct{}
	sorting   sync.WaitGroup
}

func newSplitter(base net.Listener, log *slog.Logger, l Limits, reserved *reservedServers, g *access.Guard, meters *meters) *splitter {
	return &splitter{
		base:       base,
		log:        log,
		firstBytes: l.FirstBytes,
		max:        int64(l.MaxConnections),
		http1:      newBranch(base.Addr()),
		http2:      newBranch(base.Addr()),
		reserved:   reserved,
		guard:      g,
		meters:     meters,
		undecided:  map[net.Conn]struct{}{},
	}
}

// serve accepts until close, and returns nil then.
func (s *splitter) serve() error {
	var delay time.Duration
	for {
		conn, err := s.base.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			// Out of file descriptors, or the client was gone before it was
			// accepted. Both pass; a tight loop would not help.
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			s.log.Warn("accept client connection", "error", err, "retry_in", delay)
			if !s.wait(delay) {
				return nil
			}
			continue
		}
		delay = 0
		s.take(conn)
	}
}

// wait reports false if the splitter was closed meanwhile.
func (s *splitter) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.http2.done:
		return false
	}
}

func (s *splitter) take(conn net.Conn) {
	open := s.open.Add(1)
	if open > s.max+reservedConnections {
		s.open.Add(-1)
		conn.Close()
		// Powers of two, so that a flood does not fill the log.
		if n := s.refused.Add(1); n&(n-1) == 0 {
			s.log.Warn("client connections refused", "limit", s.max, "refused", n)
		}
		return
	}
	c := &clientConn{Conn: conn, closed: make(chan struct{})}
	c.meter = s.meters.add(c)
	c.release = sync.OnceFunc(func() {
		s.open.Add(-1)
		c.shared.end(s.guard)
		s.meters.remove(c)
		close(c.closed)
	})
	if open > s.max {
		c.place = &place{full: func() bool { return s.open.Load() > s.max }}
	}
	if s.guard.Limits() {
		c.shared = &sharedConnection{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.Close()
		return
	}
	s.undecided[c] = struct{}{}
	s.sorting.Go(func() { s.sort(c) })
}

// sort finds the protocol of a connection and hands it on.
func (s *splitter) sort(c *clientConn) {
	if s.meters.breaks.spent(c.meter.address, time.Now()) {
		s.wait(holdBack)
	}
	to, err := s.decide(c)
	s.mu.Lock()
	delete(s.undecided, c)
	s.mu.Unlock()
	if err != nil {
		c.Close()
		return
	}
	if c.place != nil && to == s.http2 {
		s.reserved.serve(c)
		return
	}
	to.hand(c)
}

func (s *splitter) decide(c *clientConn) (*branch, error) {
	if err := c.SetReadDeadline(time.Now().Add(s.firstBytes)); err != nil {
		return nil, err
	}
	seen := make([]byte, 0, len(preface))
	for string(seen) == preface[:len(seen)] && len(seen) < len(preface) {
		n, err := c.Conn.Read(seen[len(seen):cap(seen)])
		seen = seen[:len(seen)+n]
		if err != nil {
			return nil, err
		}
	}
	c.seen = seen
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return nil, err
	}
	if c.http2 = string(seen) == preface; c.http2 {
		return s.http2, nil
	}
	return s.http1, nil
}

// close ends serve, closes what is undecided and waits for it. Connections
// that were handed on belong to their branch.
func (s *splitter) close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.undecided {
		c.Close()
	}
	s.mu.Unlock()
	s.base.Close()
	s.http1.Close()
	s.http2.Close()
	s.sorting.Wait()
}

// A clientConn gives back the bytes that were read to decide, and its place
// under the connection limit once closed.
type clientConn struct {
	net.Conn
	seen    []byte
	place   *place // nil unless reserved
	shared  *sharedConnection
	meter   *meter        // of its frames
	http2   bool          // and not HTTP/1.1
	closed  chan struct{} // closed by release
	release func()
}

// RemoteAddr implements net.Conn.
func (c *clientConn) RemoteAddr() net.Addr { return clientAddr{Addr: c.Conn.RemoteAddr(), conn: c} }

// Read implements net.Conn.
func (c *clientConn) Read(b []byte) (int, error) {
	if len(c.seen) > 0 {
		n := copy(b, c.seen)
		c.seen = c.seen[n:]
		return n, nil
	}
	n, err := c.Conn.Read(b)
	if c.http2 && n > 0 && err == nil {
		err = c.meter.read(b[:n])
	}
	return n, err
}

// Write implements net.Conn.
func (c *clientConn) Write(b []byte) (int, error) {
	if !c.http2 {
		return writePaced(c.Conn, b)
	}
	n, err := c.Conn.Write(b)
	c.meter.wrote(b[:n])
	return n, err
}

// Close implements net.Conn.
func (c *clientConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
