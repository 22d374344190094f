package api

import (
	"errors"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/bucket"
)

// frameCost is what a piece of an unfinished message takes in memory beside
// its bytes.
const frameCost = 128

// errCutOff: the connection was closed because of what the client did with it.
var errCutOff = errors.New("connection was cut off")

// A meter counts what a client has the host keep by way of one HTTP/2 connection,
// where gRPC does not tell: by the frames in both directions. Those are the
// streams that are not over, also if gRPC and the host are done with them and the
// client takes no answer, and the messages of which a part has come.
type meter struct {
	all *meters

	mu      sync.Mutex
	in, out frameReader
	open    map[uint32]*unfinished
	last    uint32 // the newest stream of the client
	bytes   int64  // of all unfinished
	unread  int64  // of all streams
	credit  creditReader
	data    uint64 // bytes of answers that were written
	address string
	broken  int            // streams that were broken off just after they were opened
	control *bucket.Bucket // frames about the connection itself that count for nothing
	written bool           // something for a stream, since the client's last PING
	earned  int            // frames that the client may send as a consequence of others
	cut     bool
	why     int // closedResets and the like
	isDone  bool
	// owed are the large answers that gRPC was given and has not let go of, handed
	// their bytes.
	owed   map[*handedAnswer]struct{}
	handed int64
	// before are the totals as the host knows them.
	before meterTotals
}

type meterTotals struct{ streams, bytes, unread int64 }

// An unfinished is one stream, and what has come of a message of it that is not
// complete.
type unfinished struct {
	opened   time.Time
	messages messageReader
	bytes    int64
	since    time.Time // of the message; zero if there is none
	opaque   bool      // its messages cannot be told apart
	small    bool      // the present frame is one within a message
	ended    bool      // by the client
	unread   unread
}

func newMeter(all *meters, address string) *meter {
	return &meter{
		all: all, open: map[uint32]*unfinished{}, owed: map[*handedAnswer]struct{}{}, address: address,
		control: bucket.Every(pingEvery, controlOfOne, time.Now()),
	}
}

// read counts what was read. Its error says that the connection is to be closed.
func (m *meter) read(b []byte) error {
	m.mu.Lock()
	m.in.feed(b, (*meterIn)(m))
	m.noteLocked()
	cut, why := m.cut, m.why
	m.mu.Unlock()
	if cut {
		m.all.cutOff(m, why)
		return errCutOff
	}
	m.all.check()
	return nil
}

// wrote counts what was written.
func (m *meter) wrote(b []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.out.feed(b, (*meterOut)(m))
	m.noteLocked()
}

// begun tells whether the client has sent a whole frame.
func (m *meter) begun() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.in.begun
}

// quiet tells whether no stream is open.
func (m *meter) quiet() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.open) == 0
}

// answered are the bytes of answers that were written.
func (m *meter) answered() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.data
}

// done gives back what the connection counts for.
func (m *meter) done() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.isDone = true
	m.open, m.bytes, m.unread = map[uint32]*unfinished{}, 0, 0
	m.forgetAllLocked()
	m.noteLocked()
}

// noteLocked tells the host what has changed.
func (m *meter) noteLocked() {
	now := meterTotals{int64(len(m.open)), m.bytes, m.unread}
	if d := now.streams - m.before.streams; d != 0 {
		m.all.streams.Add(d)
	}
	if d := now.bytes - m.before.bytes; d != 0 {
		m.all.bytes.Add(d)
	}
	if d := now.unread - m.before.unread; d != 0 {
		m.all.unread.Add(d)
	}
	m.before = now
}

func (m *meter) closeLocked(stream uint32) bool {
	u := m.open[stream]
	if u == nil {
		return false
	}
	m.bytes -= u.bytes
	m.unread -= u.unread.cost()
	delete(m.open, stream)
	return true
}

// breakLocked counts a stream that was broken off just after it was opened.
func (m *meter) breakLocked(stream uint32) {
	u := m.open[stream]
	now := time.Now()
	if m.closeLocked(stream) && now.Sub(u.opened) <= justOpened {
		m.spendLocked(now)
	}
}

// refused counts a stream that is refused before anything is done for it. The
// memory that gRPC keeps for it may stay for as long as the client has said.
func (m *meter) refused() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spendLocked(time.Now())
}

func (m *meter) spendLocked(now time.Time) {
	m.broken++
	m.wasteLocked(now, m.broken > wasteOfOne, closedResets)
}

const (
	// leastFrame is what a frame within a message has at least, if the client does not
	// mean to have the host look at as many as possible.
	leastFrame = 256
	// Each call, and each frame of an answer, may have framesOfOne consequences: room
	// for answers above all. A call that the host ends first may have
	// framesOnTheirWay more. A connection has mostEarned of them.
	framesOfOne      = 4
	framesOnTheirWay = 256
	mostEarned       = 16 << 10
)

// earnLocked lets the client send so many frames as a consequence of others.
func (m *meter) earnLocked(frames int) { m.earned = min(m.earned+frames, mostEarned) }

// followLocked counts a frame that is a consequence of others, as room for answers is,
// or what comes on a stream that has ended meanwhile. Those of which nothing is the cause
// are frames about the connection.
func (m *meter) followLocked(f frame) {
	if m.earned > 0 {
		m.earned--
		return
	}
	m.controlLocked(f)
}

// endLocked notes that the host has ended a stream.
func (m *meter) endLocked(stream uint32) {
	u := m.open[stream]
	if m.closeLocked(stream) && !u.ended {
		m.earnLocked(framesOnTheirWay)
	}
}

// controlLocked counts a frame about the connection itself, of which gRPC answers most,
// or one that is about nothing.
// Those that each connection needs are free: the ones of its beginning, and in time as
// many as gRPC lets a client ask whether its host is there. Many clients of one address
// may live long. So is one PING after each answer: by that clients measure the path.
func (m *meter) controlLocked(f frame) {
	if f.kind == framePing && m.written {
		m.written = false
		return
	}
	if now := time.Now(); !m.control.Take(now) {
		m.wasteLocked(now, true, closedControl)
	}
}

// wasteLocked cuts the connection off if too much came from its address, and enough of
// that by itself.
func (m *meter) wasteLocked(now time.Time, enough bool, why int) {
	if !m.all.waste.spend(m.address, now) && enough {
		m.cut, m.why = true, why
	}
}

// overdue tells whether a message does not get on: it has as long as the first
// bytes of a connection, and a second more for each paceBytes.
func (m *meter) overdue(now time.Time, l Limits) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, u := range m.open {
		if !u.since.IsZero() && now.Sub(u.since) > l.FirstBytes+time.Duration(u.bytes)*time.Second/paceBytes {
			return true
		}
	}
	return false
}
