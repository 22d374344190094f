package api

import (
	"container/list"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/certfiles"
	"github.com/pontoon-raft/pontoon/internal/pause"
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
	tls        *tls.Config // nil without TLS
	failed     *failedHandshakes

	http1, http2 *branch
	plain        *branch          // HTTP/2 without TLS, if the port has TLS
	reserved     *reservedServers // serve HTTP/2 beyond max
	guard        *access.Guard    // counts connections for its clients
	meters       *meters
	// trusts tells whether a certificate is still good that was shown.
	trusts func(*certfiles.Shown) bool

	// open counts connections that were accepted and not yet closed; refused
	// those that were closed because of max.
	open, refused atomic.Int64

	mu     sync.Mutex
	closed bool
	// undecided are the connections whose protocol is not known yet, the oldest
	// first.
	undecided list.List
	sorting   sync.WaitGroup
}

func newSplitter(base net.Listener, secure *tls.Config, failed *failedHandshakes, log *slog.Logger, l Limits,
	reserved *reservedServers, g *access.Guard, meters *meters,
) *splitter {
	return &splitter{
		base:       base,
		log:        log,
		firstBytes: l.FirstBytes,
		max:        int64(l.MaxConnections),
		http1:      newBranch(base.Addr()),
		http2:      newBranch(base.Addr()),
		plain:      newBranch(base.Addr()),
		reserved:   reserved,
		guard:      g,
		meters:     meters,
		tls:        secure,
		failed:     failed,
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
func (s *splitter) wait(d time.Duration) bool { return !pause.Until(s.http2.done, d) }

func (s *splitter) take(conn net.Conn) {
	s.makeRoom()
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
	c := &clientConn{Conn: conn, since: time.Now(), closed: make(chan struct{})}
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
	at := s.undecided.PushBack(c)
	s.sorting.Go(func() { s.sort(c, at) })
}

// undecidedGrace is how long a connection may show nothing, or be in its
// handshake, while many others are too.
const undecidedGrace = time.Second

// makeRoom closes connections that have shown nothing for a while, if they hold
// many of the places: others must find some beside them.
func (s *splitter) makeRoom() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.undecided.Len() < int(max(fewestConnections, s.max/4)) {
		return
	}
	for e := s.undecided.Front(); e != nil; e = s.undecided.Front() {
		c := e.Value.(*clientConn)
		if time.Since(c.since) < undecidedGrace {
			return
		}
		s.undecided.Remove(e)
		c.Close()
	}
}

// sort finds the protocol of a connection and hands it on.
func (s *splitter) sort(c *clientConn, at *list.Element) {
	if s.meters.waste.spent(c.meter.address, time.Now()) {
		s.wait(holdBack)
	}
	secured, to, err := s.decide(c)
	s.mu.Lock()
	s.undecided.Remove(at)
	closed := s.closed
	s.mu.Unlock()
	if errors.Is(err, errHandedOn) {
		return
	}
	if err != nil {
		if s.tls != nil && !closed && !errors.Is(err, io.EOF) {
			s.failed.note(c.Conn.RemoteAddr(), err)
		}
		c.Close()
		return
	}
	if secured != nil {
		c.secured, c.state = secured, secured.ConnectionState()
		shown := &certfiles.Shown{Chain: c.state.PeerCertificates, At: c.since}
		c.shown.Store(shown)
		if !s.trusts(shown) { // the authorities are others since the handshake
			c.Close()
			return
		}
	}
	c.http2 = to == s.http2
	if c.place != nil && to == s.http2 {
		s.reserved.serve(c)
		return
	}
	to.hand(c)
}

// decide says where a connection belongs. With TLS it makes the handshake, which
// tells that of most.
func (s *splitter) decide(c *clientConn) (secured *tls.Conn, to *branch, err error) {
	if err := c.SetDeadline(time.Now().Add(s.firstBytes)); err != nil {
		return nil, nil, err
	}
	from := c.Conn
	if s.tls != nil {
		if secured, err = s.shake(c); err != nil {
			return nil, nil, err
		}
		from, to = secured, s.protocolOf(secured)
	}
	if to == nil || to == s.http2 { // the preface is not one of the frames that are counted
		to = s.http1
		var isHTTP2 bool
		if c.seen, isHTTP2, err = readPreface(from, nil); err != nil {
			return nil, nil, err
		}
		if isHTTP2 {
			to = s.http2
		}
	}
	return secured, to, c.SetDeadline(time.Time{})
}

// readPreface reads on after what was seen until it is clear whether HTTP/2
// begins, and returns all that it has read with what was seen.
func readPreface(from io.Reader, first []byte) (seen []byte, isHTTP2 bool, err error) {
	seen = append(make([]byte, 0, len(preface)), first...)
	for string(seen) == preface[:len(seen)] && len(seen) < len(preface) {
		n, err := from.Read(seen[len(seen):cap(seen)])
		seen = seen[:len(seen)+n]
		if err != nil {
			return seen, false, err
		}
	}
	return seen, string(seen) == preface, nil
}

// close ends serve, closes what is undecided and waits for it. Connections
// that were handed on belong to their branch.
func (s *splitter) close() {
	s.mu.Lock()
	s.closed = true
	for e := s.undecided.Front(); e != nil; e = e.Next() {
		e.Value.(*clientConn).Close()
	}
	s.mu.Unlock()
	s.base.Close()
	s.http1.Close()
	s.http2.Close()
	s.plain.Close()
	s.sorting.Wait()
}
