package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/pontoon-raft/pontoon/plugins/storage/internal/corruption"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// windowBytes is how much recovery reads at a time.
const windowBytes = 1 << 20

// surveyBytes is how much is looked at together after the end of the log.
const surveyBytes = 4 << 10

// window reads a file forwards in large pieces.
type window struct {
	file vfs.File
	size int64 // of the file
	buf  []byte
	off  int64 // of buf in the file
}

// bytes returns n bytes at off, valid until the next call; nil if the file
// ends before. The error is of the disk.
func (w *window) bytes(off, n int64) ([]byte, error) {
	if n < 0 || off < 0 || n > w.size-off {
		return nil, nil
	}
	if off < w.off || off+n > w.off+int64(len(w.buf)) {
		length := min(max(n, windowBytes), w.size-off)
		if int64(cap(w.buf)) < length {
			w.buf = make([]byte, length)
		}
		w.buf, w.off = w.buf[:length], off
		if _, err := w.file.ReadAt(w.buf, off); err != nil && !errors.Is(err, io.EOF) {
			w.buf = w.buf[:0]
			return nil, err
		}
	}
	return w.buf[off-w.off:][:n], nil
}

// record is a record that was read and proved. Its payload is valid until the
// next one is read.
type record struct {
	header
	off     int64
	payload []byte
}

// scanner reads the records of one segment, in order, as long as each is what
// must follow.
type scanner struct {
	win     window
	segment uint64
	salt    uint32
	off     int64
	seq     uint64
	chain   uint32
}

func newScanner(f vfs.File, size int64, segment uint64, salt uint32) *scanner {
	return &scanner{win: window{file: f, size: size}, segment: segment, salt: salt}
}

// next returns the record at s.off and moves past it. It returns false where
// there is none that continues the log; why says what was found instead.
//
// A header counts only if its CRC fits with the store's salt, and segment, sequence and
// chain are those that must follow. So neither entry data that imitate a record, which a
// client could write, nor a record that was superseded can continue the log. The length
// in a header is used after the CRC has proved it, and never beyond the file's end.
func (s *scanner) next() (r record, ok bool, why string, err error) {
	b, err := s.win.bytes(s.off, headerBytes)
	if err != nil {
		return record{}, false, "", err
	}
	h, ok := decodeHeader(b, s.salt)
	switch {
	case b == nil:
		return record{}, false, "the file ends", nil
	case !ok && isZero(b):
		return record{}, false, "zeros", nil
	case !ok:
		return record{}, false, "no valid header", nil
	case h.segment != s.segment:
		return record{}, false, fmt.Sprintf("a record of segment %d", h.segment), nil
	case (h.kind == kindStart) != (s.off == 0):
		return record{}, false, "a start record out of place, or none in its place", nil
	case s.off > 0 && (h.seq != s.seq || h.chain != s.chain):
		return record{}, false, fmt.Sprintf("record %d in the place of record %d", h.seq, s.seq), nil
	}
	p, err := s.win.bytes(s.off+headerBytes, padded(int64(h.length)))
	if err != nil {
		return record{}, false, "", err
	}
	if p == nil && h.length > 0 || checksum(p) != h.payloadCRC {
		return record{}, false, fmt.Sprintf("record %d with a wrong payload", h.seq), nil
	}
	r = record{header: h, off: s.off, payload: p[:h.length]}
	s.off += h.size()
	s.seq, s.chain = h.seq+1, h.crc
	return r, true, "", nil
}

func isZero(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// rest is what is found after the end of the log in a segment.
type rest struct {
	nonZero int64  // bytes from the end to the last one that is not zero
	mark    uint64 // highest durable mark in a valid header
	at      int64  // place of the header with that mark
}

// surveyRest searches a segment from off on for headers that pass their
// checksum, at every place where a record could begin.
func surveyRest(f vfs.File, size int64, segment uint64, salt uint32, off int64) (rest, error) {
	var found rest
	w := window{file: f, size: size}
	for at := off; at < size; {
		n := min(surveyBytes, size-at)
		b, err := w.bytes(at, min(n+headerBytes, size-at))
		if err != nil {
			return rest{}, corruption.Unreadable(segmentName(segment), at, err)
		}
		if !isZero(b) {
			found.look(b, int(n), segment, salt, at)
			found.nonZero = at + int64(len(bytes.TrimRight(b, "\x00"))) - off
		}
		at += n
	}
	return found, nil
}

// look searches the headers that begin in the first n bytes of b, which is at
// off in the file.
func (r *rest) look(b []byte, n int, segment uint64, salt uint32, off int64) {
	for i := 0; i < n && i+headerBytes <= len(b); i += recordAlign {
		if binary.LittleEndian.Uint64(b[i+16:]) != segment {
			continue
		}
		h, ok := decodeHeader(b[i:], salt)
		if h.kind == kindStart && off+int64(i) != 0 {
			continue // it has no salt, so it proves nothing elsewhere
		}
		if ok && h.mark > r.mark {
			r.mark, r.at = h.mark, off+int64(i)
		}
	}
}
