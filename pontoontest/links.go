package pontoontest

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
)

// links are the proxies between members. One stands before each member, and knows a
// caller by the header with which its transport begins.
type links struct {
	wg sync.WaitGroup

	mu        sync.Mutex
	isCut     func(from, to int) bool
	listeners []net.Listener
	carried   map[*carried]bool
	closed    bool
}

// carried is a connection from a member to another.
type carried struct {
	from, to    int
	caller, end net.Conn
}

func (c *carried) close() {
	_ = c.caller.Close()
	if c.end != nil {
		_ = c.end.Close()
	}
}

func newLinks() *links {
	return &links{isCut: func(int, int) bool { return false }, carried: map[*carried]bool{}}
}

// open returns an address that leads to a member, which listens at address.
func (l *links) open(number int, address string) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	l.listeners = append(l.listeners, listener)
	l.wg.Go(func() {
		for {
			caller, err := listener.Accept()
			if err != nil {
				return
			}
			l.wg.Go(func() { l.carry(&carried{to: number, caller: caller}, address) })
		}
	})
	return listener.Addr().String(), nil
}

// carry carries a connection until either end closes it or its link is cut.
func (l *links) carry(c *carried, address string) {
	defer l.remove(c)
	if !l.add(c) {
		return
	}
	var begin bytes.Buffer
	in := bufio.NewReader(io.TeeReader(c.caller, &begin))
	request, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	id, err := strconv.ParseUint(request.Header.Get("X-Server-From"), 16, 64)
	if err != nil {
		return
	}
	end, err := net.Dial("tcp", address)
	if err != nil || !l.connect(c, int(id), end) {
		return
	}
	if _, err := end.Write(begin.Bytes()); err != nil {
		return
	}
	l.wg.Go(func() {
		_, _ = io.Copy(end, c.caller)
		c.close()
	})
	_, _ = io.Copy(c.caller, end)
}

func (l *links) add(c *carried) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.carried[c] = true
	return !l.closed
}

// connect notes who calls, and where the connection goes on, unless the link is cut.
func (l *links) connect(c *carried, from int, end net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.from, c.end = from, end
	return !l.closed && !l.isCut(from, c.to)
}

func (l *links) remove(c *carried) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.close()
	delete(l.carried, c)
}

// cut says which links are cut from now on.
func (l *links) cut(isCut func(from, to int) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = isCut
	for c := range l.carried {
		if c.end != nil && isCut(c.from, c.to) {
			c.close()
		}
	}
}

// close ends all connections and waits for their goroutines.
func (l *links) close() {
	l.mu.Lock()
	l.closed = true
	for _, listener := range l.listeners {
		_ = listener.Close()
	}
	for c := range l.carried {
		c.close()
	}
	l.mu.Unlock()
	l.wg.Wait()
}
