package wal

import (
	"encoding/binary"
	"hash/crc32"
)

// headerBytes is the size of a record's header.
const headerBytes = 64

// recordAlign is what records are padded to.
const recordAlign = 8

// castagnoli returns the CRC-32C table; crc32 makes it once and keeps it.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func checksum(p []byte) uint32 { return crc32.Update(0, castagnoli(), p) }

// recordKind is a record's type. No record has the type zero.
type recordKind uint8

const (
	kindStart recordKind = 1 + iota
	kindBatch
	kindCompact
	kindInstall
	kindMark
	kindSeal
)

// flagHardState says that a batch's payload begins with a hard state.
const flagHardState = 1

// header is a record's header, decoded. All numbers are little-endian; docs/formats/wal.md
// says what each field means.
//
//	 0 | crc 4      | length 4   | payloadCRC 4 | kind 1 | flags 1 | zero 2 |
//	16 | segment 8               | seq 8                                    |
//	32 | index 8                 | term 8                                   |
//	48 | mark 8                  | chain 4      | count 4                   |
//	64 | payload, length bytes, and zeros up to a multiple of recordAlign   |
//
// crc covers the bytes from 4 to 64 and begins with the salt (see seed);
// payloadCRC covers the payload and its padding.
type header struct {
	crc        uint32 // of the encoded header; set by encode and decode
	length     uint32 // of the payload, without padding
	payloadCRC uint32
	kind       recordKind
	flags      uint8
	segment    uint64
	seq        uint64
	index      uint64
	term       uint64
	mark       uint64
	chain      uint32
	count      uint32
}

// size is the whole record's size.
func (h *header) size() int64 { return headerBytes + padded(int64(h.length)) }

// padded rounds n up to a multiple of recordAlign.
func padded(n int64) int64 { return (n + recordAlign - 1) &^ (recordAlign - 1) }

// seed is the initial value of a header's CRC. A start record has none,
// so that it can be read before the salt is known.
func seed(kind recordKind, salt uint32) uint32 {
	if kind == kindStart {
		return 0
	}
	return salt
}

// encode writes the header to the first headerBytes of b and sets h.crc.
func (h *header) encode(b []byte, salt uint32) {
	b = b[:headerBytes]
	le := binary.LittleEndian
	le.PutUint32(b[4:], h.length)
	le.PutUint32(b[8:], h.payloadCRC)
	b[12], b[13], b[14], b[15] = byte(h.kind), h.flags, 0, 0
	le.PutUint64(b[16:], h.segment)
	le.PutUint64(b[24:], h.seq)
	le.PutUint64(b[32:], h.index)
	le.PutUint64(b[40:], h.term)
	le.PutUint64(b[48:], h.mark)
	le.PutUint32(b[56:], h.chain)
	le.PutUint32(b[60:], h.count)
	h.crc = crc32.Update(seed(h.kind, salt), castagnoli(), b[4:])
	le.PutUint32(b, h.crc)
}

// decodeHeader returns the header in the first headerBytes of b, and whether
// it is one.
func decodeHeader(b []byte, salt uint32) (header, bool) {
	if len(b) < headerBytes {
		return header{}, false
	}
	b = b[:headerBytes]
	le := binary.LittleEndian
	h := header{
		crc:        le.Uint32(b),
		length:     le.Uint32(b[4:]),
		payloadCRC: le.Uint32(b[8:]),
		kind:       recordKind(b[12]),
		flags:      b[13],
		segment:    le.Uint64(b[16:]),
		seq:        le.Uint64(b[24:]),
		index:      le.Uint64(b[32:]),
		term:       le.Uint64(b[40:]),
		mark:       le.Uint64(b[48:]),
		chain:      le.Uint32(b[56:]),
		count:      le.Uint32(b[60:]),
	}
	if h.kind < kindStart || h.kind > kindSeal {
		return header{}, false
	}
	if crc32.Update(seed(h.kind, salt), castagnoli(), b[4:]) != h.crc {
		return header{}, false
	}
	return h, true
}
