package api

import "encoding/binary"

// The parts of HTTP/2 that are counted.
const (
	frameHeaderBytes = 9

	frameData     = 0x0
	frameHeaders  = 0x1
	framePriority = 0x2
	frameReset    = 0x3
	frameSettings = 0x4
	framePing     = 0x6
	frameCredit   = 0x8 // WINDOW_UPDATE
	frameMore     = 0x9 // CONTINUATION

	flagEndStream = 0x1
	flagPadded    = 0x8
)

// A frame is the header of an HTTP/2 frame.
type frame struct {
	kind, flags uint8
	stream      uint32
	length      uint32
}

// A frameSink is told of each frame when its header is there, and of the bytes
// after the header as they come.
type frameSink interface {
	frame(f frame)
	payload(f frame, chunk []byte)
}

// A frameReader finds the frames in one direction of a connection, in pieces of
// any size. It keeps no bytes but those of a header.
type frameReader struct {
	header [frameHeaderBytes]byte
	have   int
	now    frame
	left   uint32 // of now
	begun  bool   // a whole frame has come
}

func (r *frameReader) feed(b []byte, to frameSink) {
	for len(b) > 0 {
		if r.left > 0 {
			n := min(int64(r.left), int64(len(b)))
			to.payload(r.now, b[:n])
			r.left -= uint32(n)
			r.begun = r.begun || r.left == 0
			b = b[n:]
			continue
		}
		n := copy(r.header[r.have:], b)
		r.have += n
		b = b[n:]
		if r.have < frameHeaderBytes {
			return
		}
		r.have = 0
		length := binary.BigEndian.Uint32(r.header[:4]) >> 8
		r.now = frame{
			kind: r.header[3], flags: r.header[4], length: length,
			stream: binary.BigEndian.Uint32(r.header[5:]) &^ (1 << 31),
		}
		r.left, r.begun = length, r.begun || length == 0
		to.frame(r.now)
	}
}
