package api

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/certfiles"
)

// An adminListener bounds the connections of the admin port. When there are as
// many as may be, the oldest one on which no request is being answered is closed
// for a new one: clients that are slow, or ask nothing, keep no operator out.
type adminListener struct {
	net.Listener
	max    int
	counts *counts
	said   sparing

	mu    sync.Mutex
	conns list.List // of *adminConn, the oldest first
}

// An adminConn is one connection of the admin port. A client that does not read is
// given up.
type adminConn struct {
	net.Conn
	of    *adminListener
	at    *list.Element
	since time.Time // of Accept
	shown atomic.Pointer[certfiles.Shown]
	busy  int // requests that are being answered
}

// Accept implements net.Listener.
func (l *adminListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.take(conn); c != nil {
			return c, nil
		}
		l.counts.admin.Add(1)
		l.said.warn(matter{message: "admin connections refused: requests are being answered on all"}, "limit", l.max)
		conn.Close()
	}
}

// take is nil if there is no place for conn.
func (l *adminListener) take(conn net.Conn) *adminConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns.Len() >= l.max && !l.evictLocked() {
		return nil
	}
	c := &adminConn{Conn: conn, of: l, since: time.Now()}
	c.at = l.conns.PushBack(c)
	return c
}

func (l *adminListener) evictLocked() bool {
	for e := l.conns.Front(); e != nil; e = e.Next() {
		c := e.Value.(*adminConn)
		if c.busy > 0 {
			continue
		}
		l.conns.Remove(e)
		c.Conn.Close()
		l.counts.admin.Add(1)
		l.said.warn(matter{message: "the oldest idle admin connection is closed for a new one"}, "limit", l.max)
		return true
	}
	return false
}

// answering are the connections on which requests are being answered.
func (l *adminListener) answering() (all []*adminConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := l.conns.Front(); e != nil; e = e.Next() {
		if c := e.Value.(*adminConn); c.busy > 0 {
			all = append(all, c)
		}
	}
	return all
}

// hangUp closes all connections, and waits for no client, as TLS would to say goodbye.
func (l *adminListener) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := l.conns.Front(); e != nil; e = e.Next() {
		e.Value.(*adminConn).Conn.Close()
	}
}

// Close implements net.Conn.
func (c *adminConn) Close() error {
	c.of.mu.Lock()
	c.of.conns.Remove(c.at) // does nothing if it is not there any more
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// Write implements net.Conn.
func (c *adminConn) Write(b []byte) (int, error) { return writePaced(c.Conn, b) }

type adminConnKey struct{}

// noteAdmin makes a connection known to its handlers.
func noteAdmin(ctx context.Context, conn net.Conn) context.Context {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	return context.WithValue(noteConnection(ctx, conn), adminConnKey{}, conn)
}

// busyWhile keeps the connection of a request while h answers.
func busyWhile(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := r.Context().Value(adminConnKey{}).(*adminConn)
		if ok {
			c.note(1)
			defer c.note(-1)
		}
		h.ServeHTTP(w, r)
	})
}

func (c *adminConn) note(by int) {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.busy += by
}

// mostProfiles are taken at a time.
const mostProfiles = 4

// fromElsewhere tells whether another site than this port had a browser send r. Browsers
// say so in a header that no page can set.
func fromElsewhere(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return false
	}
	return true
}

// fewProfiles refuses what would be too many profiles at a time: each may take as
// long as its client says, and costs the host what it measures. So it refuses web pages
// of other sites, too, although they could not read the answer.
func fewProfiles() func(http.HandlerFunc) http.HandlerFunc {
	places := make(chan struct{}, mostProfiles)
	return func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if fromElsewhere(r) {
				http.Error(w, "a web page of another site takes no profiles", http.StatusForbidden)
				return
			}
			select {
			case places <- struct{}{}:
				defer func() { <-places }()
				h(w, r)
			default:
				http.Error(w, "as many profiles are being taken as may be; try again later", http.StatusTooManyRequests)
			}
		}
	}
}
