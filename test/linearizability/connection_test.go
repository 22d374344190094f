//go:build linux

package linearizability

import (
	"bytes"
	"net"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A connection is one that a member has made to another, in two halves.
type connection struct {
	way            way
	caller, callee *net.TCPConn
	carried        *atomic.Int64 // bytes, with those of others
	once           sync.Once
	done           chan struct{}
}

// reset ends both halves as a broken network does.
func (c *connection) reset() {
	c.once.Do(func() {
		close(c.done)
		for _, half := range []*net.TCPConn{c.caller, c.callee} {
			_ = half.SetLinger(0)
			half.Close()
		}
	})
}

// carry serves a connection to a member until it ends.
func (l *links) carry(caller *net.TCPConn, id uint64, to string) {
	head, from := readHead(caller)
	g := l.gate(way{from, id})
	if state, _ := g.is(); from == 0 || state == broken {
		g.stop()
		_ = caller.SetLinger(0)
		caller.Close()
		return
	}
	callee, err := net.Dial("tcp", to)
	if err != nil {
		_ = caller.SetLinger(0)
		caller.Close()
		return
	}
	c := &connection{way: way{from, id}, caller: caller, callee: callee.(*net.TCPConn), carried: &l.byStreams, done: make(chan struct{})}
	defer c.reset()
	if !l.add(c) {
		return
	}
	defer l.remove(c)
	var wg sync.WaitGroup
	wg.Go(func() { c.pump(c.callee, c.caller, l.gate(c.way), head) })
	wg.Go(func() { c.pump(c.caller, c.callee, l.gate(c.way.back()), nil) })
	wg.Wait()
}

// pump carries bytes in one direction, those of head first.
func (c *connection) pump(to, from *net.TCPConn, g *gate, head []byte) {
	buffer := make([]byte, 64<<10)
	for next := head; ; {
		if len(next) > 0 {
			if !g.pass(c.done) {
				c.reset()
				return
			}
			if _, err := to.Write(next); err != nil {
				c.reset()
				return
			}
			c.carried.Add(int64(len(next)))
		}
		n, err := from.Read(buffer)
		if err != nil {
			_ = to.CloseWrite() // an end in one direction ends only that
			return
		}
		next = buffer[:n]
	}
}

var sender = regexp.MustCompile(`(?i)\r\nX-Server-From: ([0-9a-f]+)\r\n`)

const (
	maxHead  = 16 << 10
	headTime = 10 * time.Second
)

// readHead reads the head of the first request on a connection, in which the
// caller says which member it is; 0 if it does not.
func readHead(caller *net.TCPConn) (head []byte, from uint64) {
	_ = caller.SetReadDeadline(time.Now().Add(headTime))
	buffer := make([]byte, maxHead)
	for n := 0; n < maxHead; {
		more, err := caller.Read(buffer[n:])
		if err != nil {
			return nil, 0
		}
		n += more
		if !bytes.Contains(buffer[:n], []byte("\r\n\r\n")) {
			continue
		}
		_ = caller.SetReadDeadline(time.Time{})
		if m := sender.FindSubmatch(buffer[:n]); m != nil {
			from, _ = strconv.ParseUint(string(m[1]), 16, 64)
		}
		return buffer[:n], from
	}
	return nil, 0
}
