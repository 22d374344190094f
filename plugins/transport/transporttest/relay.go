package transporttest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// A Relay stands in front of a TCP listener. Connections through it can be
// stalled and broken.
type Relay struct {
	target   string
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	cut     bool
	closed  bool
	flowing chan struct{} // closed while bytes may flow
	open    map[net.Conn]struct{}
}

// NewRelay starts a relay to the address. It ends with the test.
func NewRelay(t *testing.T, target string) *Relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("start relay: %v", err)
	}
	r := &Relay{target: target, listener: listener, flowing: make(chan struct{}), open: map[net.Conn]struct{}{}}
	close(r.flowing)
	r.running.Go(r.accept)
	t.Cleanup(r.close)
	return r
}

// Address is where the relay listens.
func (r *Relay) Address() string { return r.listener.Addr().String() }

// Stall keeps the bytes of all connections from going on, until Resume. What
// the kernel has taken over already still flows.
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
		r.mu.Lock()
		flowing := r.flowing
		r.mu.Unlock()
		<-flowing
		if _, writeErr := dst.Write(buf[:n]); writeErr != nil {
			abort(src)
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
