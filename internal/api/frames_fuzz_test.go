package api

import (
	"bytes"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/pontoon-raft/pontoon/internal/bucket"
)

// The count of a connection does not depend on the pieces in which its bytes come,
// in either direction, is never negative, and is given back at the end.
func FuzzFrames(f *testing.F) {
	call := frames(func(f *http2.Framer) {
		_ = f.WriteSettings()
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("x"), EndHeaders: true})
		_ = f.WriteData(1, false, append(part(3, 3), part(1000, 100)...))
		_ = f.WriteDataPadded(1, false, []byte("x"), []byte{0, 0})
		_ = f.WriteRSTStream(1, http2.ErrCodeCancel)
		_ = f.WritePing(false, [8]byte{})
	})
	answer := frames(func(f *http2.Framer) {
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("x"), EndHeaders: true, EndStream: true})
		_ = f.WriteWindowUpdate(1, 1000)
	})
	f.Add(call, answer, uint8(1))
	f.Add(call[:30], answer, uint8(4))
	const allFree = 1 << 20 // frames about the connection: each is counted then
	f.Fuzz(func(t *testing.T, in, out []byte, piece uint8) {
		type counted struct {
			streams, unread            int64
			broken, control, left, had int
			data                       uint64
			begun                      bool
		}
		count := func(size int) (_ counted, bytesOf int64) {
			all, conns, _ := metered(t, 1<<30, 1)
			m := conns[0].meter
			began, cut := time.Now(), false
			m.control = bucket.Every(pingEvery, allFree, began)
			for b := bytes.NewBuffer(in); b.Len() > 0 && !cut; {
				cut = m.read(b.Next(size)) != nil
			}
			for b := bytes.NewBuffer(out); b.Len() > 0; {
				m.wrote(b.Next(size))
			}
			if cut || time.Since(began) > justOpened {
				t.Skip("too many frames, or too slow to be judged alike")
			}
			s := m.totals()
			if s.streams < 0 || s.bytes < 0 || s.unread < 0 {
				t.Fatalf("it counts %+v", s)
			}
			conns[0].Close()
			if all.streams.Load() != 0 || all.bytes.Load() != 0 || all.unread.Load() != 0 {
				t.Fatalf("%d streams, %d bytes and %d unread ones are left", all.streams.Load(), all.bytes.Load(), all.unread.Load())
			}
			return counted{s.streams, s.unread, m.broken, allFree - int(m.control.Left(began)), int(m.in.left), m.in.have, m.data, m.begun()}, s.bytes
		}
		whole, wholeBytes := count(max(1, len(in), len(out)))
		pieces, pieceBytes := count(max(1, int(piece)))
		if whole != pieces {
			t.Errorf("in one piece it counts %+v, in pieces of %d bytes %+v", whole, piece, pieces)
		}
		// A message that begins with a piece is spared the cost of its frame.
		if d := wholeBytes - pieceBytes; d < 0 || d > whole.streams*frameCost {
			t.Errorf("in one piece it counts %d bytes, in pieces of %d %d", wholeBytes, piece, pieceBytes)
		}
	})
}
