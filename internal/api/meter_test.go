package api

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/pontoon-raft/pontoon/internal/bucket"
	"github.com/pontoon-raft/pontoon/internal/defaults"
)

// metered makes the meters of so many connections, and returns those with the
// client's ends.
func metered(t *testing.T, mostBytes int64, conns int) (*meters, []*clientConn, []net.Conn) {
	t.Helper()
	all := &meters{
		limits: whole(Limits{}), mostBytes: mostBytes, mostUnread: 1 << 30, counts: &counts{}, results: &atomic.Int64{},
		conns: map[*meter]*clientConn{}, waste: waste{by: map[string]*bucket.Bucket{}}, said: newSparing(slog.New(slog.DiscardHandler)),
	}
	var ours []*clientConn
	var theirs []net.Conn
	for range conns {
		a, b := net.Pipe()
		c := &clientConn{Conn: a, closed: make(chan struct{}), http2: true}
		c.meter = all.add(c)
		c.release = func() { all.remove(c) }
		t.Cleanup(func() { a.Close(); b.Close() })
		ours, theirs = append(ours, c), append(theirs, b)
	}
	return all, ours, theirs
}

// frames are the bytes that write has written.
func frames(write func(f *http2.Framer)) []byte {
	var b bytes.Buffer
	write(http2.NewFramer(&b, nil))
	return b.Bytes()
}

// part is the beginning of a message of so many bytes.
func part(size uint32, have int) []byte {
	b := make([]byte, grpcPrefix+have)
	binary.BigEndian.PutUint32(b[1:], size)
	return b
}

func (m *meter) totals() meterTotals {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.before
}

// A message that is not complete counts, however its bytes come.
func TestAMeterFollowsMessages(t *testing.T) {
	all, conns, _ := metered(t, 1<<30, 1)
	m := conns[0].meter
	in := frames(func(f *http2.Framer) {
		_ = f.WriteSettings()
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("whatever"), EndHeaders: true})
		_ = f.WriteData(1, false, append(part(3, 3), part(0, 0)...))
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: []byte("whatever"), EndHeaders: true})
		_ = f.WriteData(3, false, part(1000, 100))
		_ = f.WriteData(3, false, make([]byte, 900))
		_ = f.WriteData(3, false, part(1000, 500))
	})
	for i := range in { // byte by byte
		if err := m.read(in[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if got := m.totals(); got.streams != 2 || got.bytes < 500 || got.bytes > 500+grpcPrefix+2*frameCost {
		t.Errorf("counted %+v, want two streams and some 500 bytes", got)
	}
	m.wrote(frames(func(f *http2.Framer) {
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("x"), EndHeaders: true})
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: []byte("x"), EndHeaders: true, EndStream: true})
	}))
	if got := m.totals(); got.streams != 1 || got.bytes != 0 {
		t.Errorf("counted %+v, want one stream without bytes", got)
	}
	conns[0].Close()
	if all.streams.Load() != 0 || all.bytes.Load() != 0 {
		t.Errorf("%d streams of %d bytes are left", all.streams.Load(), all.bytes.Load())
	}
}

// Frames of a byte count for what they take in memory.
func TestSmallFramesCount(t *testing.T) {
	_, conns, _ := metered(t, 1<<30, 1)
	_ = conns[0].meter.read(frames(func(f *http2.Framer) {
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("x"), EndHeaders: true})
		_ = f.WriteData(1, false, part(1<<20, 1))
		for range 1000 {
			_ = f.WriteData(1, false, []byte("x"))
		}
	}))
	if got := conns[0].meter.totals().bytes; got < 1000*frameCost {
		t.Errorf("a thousand frames count for %d bytes", got)
	}
}

// When the unfinished messages of all clients are too much, the connection with
// the most of them is cut off, and no other one.
func TestUnfinishedMessagesAreBounded(t *testing.T) {
	all, conns, _ := metered(t, 100_000, 4)
	for i, c := range conns {
		in := frames(func(f *http2.Framer) {
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("x"), EndHeaders: true})
			_ = f.WriteData(1, false, part(1<<20, []int{10_000, 50_000, 30_000, 20_000}[i]))
		})
		if err := c.meter.read(in); err != nil {
			t.Fatal(err)
		}
	}
	if got := all.bytes.Load(); got > 100_000 || got < 60_000 {
		t.Errorf("%d bytes of unfinished messages are kept", got)
	}
	for i, c := range conns {
		if c.meter.isDone != (i == 1) {
			t.Errorf("connection %d is cut off: %v", i, c.meter.isDone)
		}
	}
	if all.counts.closed[closedUnfinished].Load() != 1 {
		t.Error("the metric does not tell")
	}
}

// A message that does not get on is overdue; one that is there is not.
func TestMessagesThatDoNotGetOnAreOverdue(t *testing.T) {
	_, conns, _ := metered(t, 1<<30, 2)
	for i, have := range []int{10, 100} {
		_ = conns[i].meter.read(frames(func(f *http2.Framer) {
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("x"), EndHeaders: true})
			_ = f.WriteData(1, false, part(100, have))
		}))
	}
	l := whole(Limits{})
	if conns[0].meter.overdue(time.Now(), l) {
		t.Error("a message is overdue at once")
	}
	later := time.Now().Add(l.FirstBytes + time.Second)
	if !conns[0].meter.overdue(later, l) || conns[1].meter.overdue(later, l) {
		t.Error("the message that is not complete is not overdue, or the other one is")
	}
}

// A client that has said all that it has to say waits for its answers as long as it
// likes: the frame that ends its side has no bytes of a message.
func TestAStreamWhoseClientIsDoneIsNotOverdue(t *testing.T) {
	all, conns, _ := metered(t, 1<<30, 1)
	m := conns[0].meter
	_ = m.read(frames(func(f *http2.Framer) {
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("x"), EndHeaders: true})
		_ = f.WriteData(1, false, part(3, 3))
		_ = f.WriteData(1, true, nil)
	}))
	if m.overdue(time.Now().Add(time.Hour), all.limits) {
		t.Error("a stream whose client waits for answers is overdue")
	}
	if got := m.totals(); got.streams != 1 || got.bytes != 0 {
		t.Errorf("counted %+v, want one stream without bytes", got)
	}
}

// whole are limits with all defaults, those of the host's table among them.
func whole(l Limits) Limits { return Tabled(l).withDefaults() }

// Tabled are limits with the numbers of the host's table in the place of zeros. Package
// api_test has them from here.
func Tabled(l Limits) Limits {
	defaults.Or(&l.MaxValueBytes, defaults.MaxValueBytes)
	defaults.Or(&l.MaxPending, defaults.MaxPending)
	defaults.Or(&l.MaxPendingBytes, defaults.MaxPendingBytes)
	defaults.Or(&l.MaxProposalStreams, defaults.MaxStreams)
	defaults.Or(&l.MaxCalls, defaults.MaxCalls)
	return l
}
