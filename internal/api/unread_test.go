package api

import (
	"testing"

	"golang.org/x/net/http2"
)

// opened is a stream with so many complete messages of so many bytes.
func opened(stream uint32, messages int, size uint32) []byte {
	return frames(func(f *http2.Framer) {
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: []byte("x"), EndHeaders: true})
		for range messages {
			_ = f.WriteData(stream, false, part(size, int(size)))
		}
	})
}

// credit is what gRPC writes when it has read so many bytes of a stream, in pieces
// of one byte.
func credit(m *meter, stream uint32, bytes int) {
	for _, b := range frames(func(f *http2.Framer) { _ = f.WriteWindowUpdate(stream, uint32(bytes)) }) {
		m.wrote([]byte{b})
	}
}

// Complete messages count until gRPC says that it has read them, and to the end of
// their stream.
func TestMessagesCountUntilTheyAreRead(t *testing.T) {
	all, conns, _ := metered(t, 1<<30, 1)
	m := conns[0].meter
	const size, frame = 995, 995 + grpcPrefix
	for _, stream := range []uint32{1, 3} {
		if err := m.read(opened(stream, 100, size)); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := m.totals().unread, int64(2*100*(frame+frameCost)); got != want {
		t.Fatalf("%d bytes count, want %d", got, want)
	}
	credit(m, 0, 1<<20) // the connection's, which says nothing
	credit(m, 1, 50*frame)
	if got, most, least := m.totals().unread, int64(150*(frame+frameCost)+runBytes), int64(150*frame); got < least || got > most {
		t.Errorf("%d bytes count after a quarter was read, want %d to %d", got, least, most)
	}
	credit(m, 1, 50*frame)
	if got, want := m.totals().unread, int64(100*(frame+frameCost)); got != want {
		t.Errorf("%d bytes count after a half was read, want %d", got, want)
	}
	m.wrote(frames(func(f *http2.Framer) {
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: []byte("x"), EndHeaders: true, EndStream: true})
	}))
	if got := m.totals().unread; got != 0 || all.unread.Load() != 0 {
		t.Errorf("%d bytes count on the connection, %d in all, with nothing left", got, all.unread.Load())
	}
}

// gRPC gives credit for a large message ahead of its bytes. These are read as they
// come, and what comes after them is not.
func TestCreditAheadIsForTheNextBytesOnly(t *testing.T) {
	_, conns, _ := metered(t, 1<<30, 1)
	m := conns[0].meter
	_ = m.read(opened(1, 0, 0))
	credit(m, 1, 10_000)
	send := func(bytes int) {
		_ = m.read(frames(func(f *http2.Framer) { _ = f.WriteData(1, false, make([]byte, bytes)) }))
	}
	send(9_000)
	if got := m.totals().unread; got != 0 {
		t.Errorf("%d bytes count, of those that are waited for", got)
	}
	send(3_000)
	if got, want := m.totals().unread, int64(2_000+frameCost); got != want {
		t.Errorf("%d bytes count, want %d", got, want)
	}
}

// Frames that are not read count for what they take in memory, however small they
// are, and until the last one of their run is read.
func TestSmallMessagesThatAreNotReadCount(t *testing.T) {
	_, conns, _ := metered(t, 1<<30, 1)
	m := conns[0].meter
	_ = m.read(opened(1, 1000, 1))
	if got, want := m.totals().unread, int64(1000*(1+grpcPrefix+frameCost)); got != want {
		t.Errorf("a thousand messages of a byte count for %d bytes, want %d", got, want)
	}
}

// When what the host has not read of all clients is too much, the connection with
// the most of it is cut off, and no other one.
func TestWhatIsNotReadIsBounded(t *testing.T) {
	all, conns, _ := metered(t, 1<<30, 3)
	all.mostUnread = 100_000
	for i, messages := range []int{20, 50, 40} {
		if err := conns[i].meter.read(opened(1, messages, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range conns {
		if c.meter.isDone != (i == 1) {
			t.Errorf("connection %d is cut off: %v", i, c.meter.isDone)
		}
	}
	if got := all.unread.Load(); got > all.mostUnread || got < 60_000 {
		t.Errorf("%d bytes are left unread", got)
	}
	if all.counts.closed[closedUnread].Load() != 1 {
		t.Error("the metric does not tell")
	}
}

// With the default settings the bound is that of the documents.
func TestTheDefaultBoundOfWhatIsNotRead(t *testing.T) {
	if got, want := whole(Limits{}).mostUnread(), int64(64<<20); got != want {
		t.Errorf("%d bytes may be unread, want %d", got, want)
	}
}
