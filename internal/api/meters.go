package api

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/internal/repeats"
)

// Meters are those of all connections of clients. When all together have the host
// keep more than it may, the connection with the most is cut off.
type meters struct {
	limits                 Limits
	mostBytes              int64 // of messages of which a part has come
	mostUnread             int64 // bytes of what has come and was not read
	streams, bytes, unread atomic.Int64

	counts  *counts
	results *atomic.Int64 // see bounds
	handed  handedBytes
	cutting sync.Mutex

	mu    sync.Mutex
	conns map[*meter]*clientConn
	waste waste
	said  sparing
}

// mostUnfinished are the bytes of all messages of which a part has come.
const mostUnfinished = 32 << 20

// add gives a connection a meter, which counts until the connection is closed.
func (a *meters) add(c *clientConn) *meter {
	m := newMeter(a, addressOf(c.Conn.RemoteAddr()))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conns[m] = c
	return m
}

func (a *meters) remove(c *clientConn) {
	a.mu.Lock()
	delete(a.conns, c.meter)
	a.mu.Unlock()
	c.meter.done()
}

// check cuts connections off while all together are over a bound.
func (a *meters) check() {
	for a.bytes.Load() > a.mostBytes && a.cutMost(closedUnfinished, func(t meterTotals) int64 { return t.bytes }) {
	}
	for a.unread.Load() > a.mostUnread && a.cutMost(closedUnread, func(t meterTotals) int64 { return t.unread }) {
	}
	for a.streams.Load() > int64(2*a.limits.MaxOpenCalls) && a.cutMost(closedStreams, func(t meterTotals) int64 { return t.streams }) {
	}
}

// cutMost reports false if there is nothing to cut.
func (a *meters) cutMost(why int, of func(meterTotals) int64) bool {
	a.cutting.Lock()
	defer a.cutting.Unlock()
	var most *meter
	var has int64
	for _, m := range a.all() {
		m.mu.Lock()
		n, done := of(m.before), m.isDone
		m.mu.Unlock()
		if n > has && !done {
			most, has = m, n
		}
	}
	if most == nil {
		return false
	}
	a.cutOff(most, why)
	return true
}

func (a *meters) all() []*meter {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Keys(a.conns))
}

// closeSilent closes the connections that gRPC waits for in a stop, and ends itself
// only when they have shown a frame or their time is up.
func (a *meters) closeSilent() { a.closeThose(func(m *meter) bool { return !m.begun() }) }

// closeAnswered closes the connections on which each stream is over: its last frame
// was written.
func (a *meters) closeAnswered() { a.closeThose((*meter).quiet) }

// closeThose closes the HTTP/2 connections whose meters match.
func (a *meters) closeThose(match func(*meter) bool) {
	a.mu.Lock()
	var matching []*clientConn
	for m, c := range a.conns {
		if c.http2 && match(m) {
			matching = append(matching, c)
		}
	}
	a.mu.Unlock()
	for _, c := range matching {
		c.Close()
	}
}

// cutOff closes the connection of a meter.
func (a *meters) cutOff(m *meter, why int) {
	a.mu.Lock()
	c := a.conns[m]
	a.mu.Unlock()
	if c == nil {
		return
	}
	a.counts.closed[why].Add(1)
	a.said.warn(matter{"client connections are cut off", closedNames()[why]}, "client", m.address)
	c.Close()
}

// run cuts off clients whose messages do not get on, until the server stops.
func (a *meters) run(end *ending) {
	for !pause.Until(end.stopping, max(a.limits.FirstBytes/10, time.Millisecond)) {
		now := time.Now()
		for _, m := range a.all() {
			if m.overdue(now, a.limits) {
				a.cutOff(m, closedPace)
			}
		}
	}
}

// sparing writes one line in a while of each matter, however often it happens. The line
// counts how often it has happened since the last one.
type sparing struct {
	log  *slog.Logger
	said *repeats.Book[matter]
}

// A sparing logger counts each matter by itself.
type matter struct{ message, reason string }

// A sparing logger writes one line of a matter in sayEvery. It knows at most mostMatters,
// which are words of this package.
const (
	sayEvery    = 10 * time.Second
	mostMatters = 64
)

func newSparing(log *slog.Logger) sparing {
	return sparing{log, repeats.New[matter](repeats.Rule{Pause: sayEvery, Most: mostMatters})}
}

func (s sparing) warn(of matter, about ...any) {
	if silent, due := s.said.Note(of, time.Now()); due {
		if of.reason != "" {
			about = append(about, "reason", of.reason)
		}
		s.log.Warn(of.message, append(about, "times", silent+1)...)
	}
}
