package transporttest

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// A Relay stands in front of a TCP listener: the faulty network of transports
// that use a real one. Connections through it can be stalled, delayed,
// throttled, broken, at once or after so many bytes, and cut. All links through
// one relay share its faults.
type Relay struct {
	target   string
	listener net.Listener
	running  sync.WaitGroup
	ending   chan struct{} // closed when the relay ends

	mu      sync.Mutex
	delay   time.Duration
	rate    int64 // bytes in a second each way of a connection; 0: no limit
	carried int64 // bytes, both ways
	breakAt int64 // what carried must reach for connections to break; 0: nothing
	cut     bool
	closed  bool
	flowing chan struct{} // closed while bytes may flow
	open    map[net.Conn]struct{}
}

// inFrontOf is where a relay to an address listens: on that one's address of loopback, so
// that tests whose nodes have one of their own do not meet, or else on the usual one.
func inFrontOf(target string) string {
	host, _, err := net.SplitHostPort(target)
	if ip := net.ParseIP(host); err != nil || !ip.IsLoopback() {
		return "127.0.0.1"
	}
	return host
}

// NewRelay starts a relay to the address. It ends with the test.
func NewRelay(t *testing.T, target string) *Relay {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(inFrontOf(target), "0"))
	if err != nil {
		t.Fatalf("start relay: %v", err)
	}
	r := &Relay{target: target, listener: listener, flowing: make(chan struct{}), ending: make(chan struct{}), open: map[net.Conn]struct{}{}}
	close(r.flowing)
	r.running.Go(r.accept)
	t.Cleanup(r.close)
	return r
}

// Address is where the relay listens.
func (r *Relay) Address() string { return r.listener.Addr().String() }

// Stall keeps the bytes of all connections from going on, until Resume. Bytes
// that the kernel has already taken over still flow.
func (r *Relay) Stall() {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.flowing:
		r.flowing = make(chan struct{})
	default:
	}
}

// Resume ends Stall.
func (r *Relay) Resume() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resume()
}

// resume needs r.mu.
func (r *Relay) resume() {
	select {
	case <-r.flowing:
	default:
		close(r.flowing)
	}
}

// Cut breaks all connections, loses what was under way, and refuses new ones
// until Heal.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = true
	r.breakAll()
}

// Heal ends Cut and Stall.
func (r *Relay) Heal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = false
	r.resume()
}

// Delay holds back every piece that is read for d before it goes on, from now
// on. 0 ends it.
func (r *Relay) Delay(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delay = d
}

// Throttle lets no more than so many bytes in a second through, each way of
// each connection. 0 ends it.
func (r *Relay) Throttle(bytesPerSecond int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rate = bytesPerSecond
}

// BreakAfter breaks all connections, once, when n more bytes have been
// carried: the last of them go on, and what is behind them is lost.
func (r *Relay) BreakAfter(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.breakAt = r.carried + n
}

// Carried is how many bytes went through so far, both ways.
func (r *Relay) Carried() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.carried
}

// Break breaks all connections once.
func (r *Relay) Break() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.breakAll()
}

// breakAll needs r.mu.
func (r *Relay) breakAll() {
	for c := range r.open {
		abort(c)
	}
}

// abort closes a connection so that the other end sees it break.
func abort(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

func (r *Relay) close() {
	_ = r.listener.Close()
	close(r.ending)
	r.mu.Lock()
	r.closed = true
	r.resume()
	r.breakAll()
	r.mu.Unlock()
	r.running.Wait()
}

func (r *Relay) accept() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.running.Go(func() { r.serve(in) })
	}
}

// serve carries bytes both ways until either end has had enough.
func (r *Relay) serve(in net.Conn) {
	defer abort(in)
	out, err := net.Dial("tcp", r.target)
	if err != nil {
		return
	}
	defer abort(out)
	if !r.register(in, out) {
		return
	}
	defer r.unregister(in, out)
	var both sync.WaitGroup
	both.Go(func() { r.pump(out, in) })
	both.Go(func() { r.pump(in, out) })
	both.Wait()
}

// pump copies one way and passes on the end of what it reads.
func (r *Relay) pump(dst, src net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		n, last := r.carry(n)
		if _, writeErr := dst.Write(buf[:n]); writeErr != nil {
			abort(src)
			return
		}
		if last {
			r.Break()
			return
		}
		if err == io.EOF {
			if tcp, ok := dst.(*net.TCPConn); ok {
				_ = tcp.CloseWrite()
			}
			return
		}
		if err != nil {
			abort(dst)
			return
		}
	}
}

// carry waits until n bytes that were read may go on, and says how many of
// them do; after the last ones connections break.
func (r *Relay) carry(n int) (pass int, last bool) {
	r.mu.Lock()
	flowing, wait := r.flowing, r.delay
	if r.rate > 0 {
		wait += time.Duration(int64(n) * int64(time.Second) / r.rate)
	}
	r.mu.Unlock()
	<-flowing
	if wait > 0 {
		r.hold(wait)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.breakAt > 0 && r.carried+int64(n) >= r.breakAt {
		n, last = int(r.breakAt-r.carried), true
		r.breakAt = 0
	}
	r.carried += int64(n)
	return n, last
}

func (r *Relay) hold(wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.ending:
	}
}

func (r *Relay) register(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut || r.closed {
		return false
	}
	for _, c := range conns {
		r.open[c] = struct{}{}
	}
	return true
}

func (r *Relay) unregister(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		delete(r.open, c)
	}
}
