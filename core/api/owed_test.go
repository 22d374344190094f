package api

import (
	"testing"

	"golang.org/x/net/http2"
)

// A client that breaks a query off, while a stream lasts on which all has gone, has
// its answer forgotten: else those of such queries would pile up, and other clients
// would be told that there is no room.
func TestAnAnswerThatIsBrokenOffCountsNoLonger(t *testing.T) {
	all, conns, _ := metered(t, 1<<30, 1)
	m := conns[0].meter
	begin := func(f *http2.Framer, stream uint32) {
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: []byte("x"), EndHeaders: true})
	}
	_ = m.read(frames(func(f *http2.Framer) { begin(f, 1); begin(f, 3); begin(f, 5) }))
	m.wrote(frames(func(f *http2.Framer) {
		begin(f, 1)
		_ = f.WriteData(1, false, part(2, 2)) // what a watch is told
		begin(f, 3)
		_ = f.WriteData(3, false, part(50_000, 10))
	}))
	for range 2 {
		all.results.Add(50_000)
		m.hand(50_000)
	}
	_ = m.read(frames(func(f *http2.Framer) { _ = f.WriteRSTStream(3, http2.ErrCodeCancel) }))
	if got := all.results.Load(); got != 100_000 {
		t.Errorf("%d bytes count while an answer waits, want 100000", got)
	}
	_ = m.read(frames(func(f *http2.Framer) { _ = f.WriteRSTStream(5, http2.ErrCodeCancel) }))
	if got := all.results.Load(); got != 0 {
		t.Errorf("%d bytes count, and nothing waits", got)
	}
}
