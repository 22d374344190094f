package api

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"golang.org/x/net/http2"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
)

// handed encodes a large answer for a client as the codec does, and returns what gRPC
// would hold.
func handed(t *testing.T, m *meter) interface{ Free() } {
	t.Helper()
	data := largeData()
	m.all.results.Add(int64(len(data)))
	out, err := newCodec(m.all.limits, newBufferPool()).Marshal(&countedAnswer{&hostv1.QueryResponse{Data: data}, m.hand(int64(len(data)))})
	if err != nil {
		t.Fatal(err)
	}
	want, err := newCodec(m.all.limits, newBufferPool()).Marshal(&hostv1.QueryResponse{Data: data})
	if err != nil || !bytes.Equal(out.Materialize(), want.Materialize()) {
		t.Fatalf("an answer that counts has other bytes: %v", err)
	}
	return out
}

// An answer counts until gRPC lets go of it, or the connection is closed, whichever is
// first.
func TestAnAnswerCountsUntilItIsLetGo(t *testing.T) {
	all, conns, _ := metered(t, 1<<30, 1)
	m, size := conns[0].meter, int64(len(largeData()))
	first, second := handed(t, m), handed(t, m)
	m.wrote(frames(func(f *http2.Framer) { _ = f.WriteData(1, false, make([]byte, 10_000)) }))
	first.Free()
	if got, has := all.results.Load(), m.backlog(); got != size || has != (backlog{size, size}) {
		t.Errorf("%d bytes count of %d, the client has %+v", got, size, has)
	}
	conns[0].Close()
	second.Free()
	handed(t, m).Free() // the call was answered after the connection's end
	if got, has := all.results.Load(), m.backlog(); got != 0 || has != (backlog{}) {
		t.Errorf("%d bytes count after the end, the client has %+v", got, has)
	}
}

// A message that gRPC drops without a word counts until the next collection of
// garbage.
func TestAnAnswerThatIsDroppedCountsNoLonger(t *testing.T) {
	all, conns, _ := metered(t, 1<<30, 1)
	handed(t, conns[0].meter)
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	for all.results.Load() != 0 {
		select {
		case <-deadline.C:
			t.Fatalf("%d bytes count", all.results.Load())
		default:
			runtime.GC()
		}
	}
}

// Credit whose stream ends within it is not taken for the beginning of the next one.
func TestCreditForAStreamThatEndsWithinIt(t *testing.T) {
	_, conns, _ := metered(t, 1<<30, 1)
	m := conns[0].meter
	_ = m.read(opened(1, 1, 70_000))
	_ = m.read(opened(3, 1, 70_000))
	first := frames(func(f *http2.Framer) { _ = f.WriteWindowUpdate(1, 70_000+grpcPrefix) })
	m.wrote(first[:frameHeaderBytes+2])
	_ = m.read(frames(func(f *http2.Framer) { _ = f.WriteRSTStream(1, http2.ErrCodeCancel) }))
	m.wrote(first[frameHeaderBytes+2:])
	credit(m, 3, 70_000+grpcPrefix)
	if got := m.totals().unread; got != 0 {
		t.Errorf("%d bytes count, and all was read", got)
	}
}
