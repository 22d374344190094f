package kv

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// endBytes is the payload of the closing frame: the number of records.
const endBytes = 8

// snapshotReader reads frames and checks them. Nothing is allocated for a
// length before that many bytes have arrived.
type snapshotReader struct {
	r       io.Reader
	table   *crc32.Table
	crc     uint32
	payload bytes.Buffer
	count   uint64
	last    []byte // the last record's key
	// expiring: records have deadlines.
	expiring bool
	// past: events follow the records.
	past bool
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", statemachine.ErrBadSnapshot, fmt.Sprintf(format, args...))
}

// readSnapshot reads a whole snapshot and the end of r.
func readSnapshot(ctx context.Context, r io.Reader) (store, error) {
	sr := &snapshotReader{r: r, table: castagnoli()}
	s := newStore(leastReach())
	err := sr.header(&s)
	if err == nil {
		err = sr.blocks(ctx, "keys", func(block []byte) error { return sr.records(&s, block) })
	}
	s.history.base = s.revision
	if err == nil && sr.past {
		err = sr.events(ctx, &s)
	}
	if err == nil {
		err = sr.end()
	}
	if err != nil {
		return store{}, err
	}
	return s, nil
}

// blocks reads all blocks up to a closing frame, and checks that.
func (sr *snapshotReader) blocks(ctx context.Context, of string, each func(block []byte) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		last, err := sr.frame()
		if err != nil {
			return err
		}
		if last {
			return sr.counted(of)
		}
		if err := each(sr.payload.Bytes()); err != nil {
			return err
		}
	}
}

// read fills b. A stream that ends too early is a bad snapshot; a stream that
// fails is not.
func (sr *snapshotReader) read(b []byte) error {
	_, err := io.ReadFull(sr.r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return bad("it ends after %d keys", sr.count)
	}
	return err
}

func (sr *snapshotReader) header(s *store) error {
	var h [headerBytes]byte
	if err := sr.read(h[:]); err != nil {
		return err
	}
	if string(h[:8]) != snapshotMagic {
		return bad("it starts with %q", h[:8])
	}
	if v := binary.LittleEndian.Uint32(h[8:]); v != snapshotVersion {
		return bad("format version %d, this is version %d", v, snapshotVersion)
	}
	sr.crc = crc32.Checksum(h[:headerBytes-4], sr.table)
	if got := binary.LittleEndian.Uint32(h[headerBytes-4:]); got != sr.crc {
		return bad("checksum of the header is %08x instead of %08x", sr.crc, got)
	}
	flags := binary.LittleEndian.Uint32(h[12:])
	if flags&^(expiringFlag|historyFlag) != 0 {
		return bad("unknown flags %#x", flags)
	}
	sr.expiring, sr.past = flags&expiringFlag != 0, flags&historyFlag != 0
	s.applied = binary.LittleEndian.Uint64(h[16:])
	s.revision = binary.LittleEndian.Uint64(h[24:])
	return nil
}

// frame reads the next frame's payload; last is set for the closing one.
func (sr *snapshotReader) frame() (last bool, err error) {
	var h [frameBytes]byte
	if err := sr.read(h[:]); err != nil {
		return false, err
	}
	length := binary.LittleEndian.Uint32(h[:])
	if length > maxPayloadBytes {
		return false, bad("block of %d bytes after %d keys", length, sr.count)
	}
	last = length == 0
	if last {
		length = endBytes
	}
	sr.payload.Reset()
	n, err := io.CopyN(&sr.payload, sr.r, int64(length))
	if errors.Is(err, io.EOF) {
		return false, bad("it ends %d bytes into a block of %d, after %d keys", n, length, sr.count)
	} else if err != nil {
		return false, err
	}
	sr.crc = crc32.Update(sr.crc, sr.table, h[:4])
	sr.crc = crc32.Update(sr.crc, sr.table, sr.payload.Bytes())
	if got := binary.LittleEndian.Uint32(h[4:]); got != sr.crc {
		return false, bad("checksum after %d keys is %08x instead of %08x", sr.count, sr.crc, got)
	}
	return last, nil
}

// records adds the records of a block to s.
func (sr *snapshotReader) records(s *store, block []byte) error {
	for len(block) > 0 {
		rec, n := decodeRecord(block, sr.expiring)
		switch {
		case n == 0:
			return bad("malformed record after %d keys", sr.count)
		case bytes.Compare(rec.key, sr.last) <= 0:
			return bad("key %d does not follow the one before", sr.count)
		case rec.modify > s.revision:
			return bad("key %d is of revision %d, after the store's %d", sr.count, rec.modify, s.revision)
		}
		s.keys.ReplaceOrInsert(newSlot(rec))
		s.counts(rec)
		if rec.mortal {
			s.mind(rec.expires(), rec)
		}
		sr.last = rec.key
		sr.count++
		block = block[n:]
	}
	return nil
}

// counted checks a closing frame.
func (sr *snapshotReader) counted(of string) error {
	if count := binary.LittleEndian.Uint64(sr.payload.Bytes()); count != sr.count {
		return bad("it has %d %s and should have %d", sr.count, of, count)
	}
	sr.count = 0
	return nil
}

// end checks that nothing follows the last frame.
func (sr *snapshotReader) end() error {
	var one [1]byte
	switch _, err := io.ReadFull(sr.r, one[:]); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return bad("bytes follow its end")
}

// decodeRecord reads one record into memory of its own and returns its length,
// 0 if it is malformed.
func decodeRecord(block []byte, expiring bool) (*record, int) {
	rest := block
	key, rest, ok := cutBytes(rest, MaxKeyBytes)
	if !ok || len(key) == 0 {
		return nil, 0
	}
	value, rest, ok := cutBytes(rest, MaxValueBytes)
	if !ok {
		return nil, 0
	}
	var numbers [4]uint64
	count := 3
	if expiring {
		count = 4
	}
	for i := range numbers[:count] {
		v, n := binary.Uvarint(rest)
		if n <= 0 {
			return nil, 0
		}
		numbers[i], rest = v, rest[n:]
	}
	modify, age, version, expires := numbers[0], numbers[1], numbers[2], numbers[3]
	if age >= modify || version == 0 || version-1 > age {
		return nil, 0
	}
	rec := &record{create: modify - age, modify: modify, version: version, valueAt: uint32(len(key))}
	if expires == 0 {
		rec.key = joined(key, value)
		return rec, len(block) - len(rest)
	}
	rec.valueAt, rec.mortal = rec.valueAt+deadlineBytes, true
	rec.key = joinedMortal(key, value, expires)
	return rec, len(block) - len(rest)
}

// cutBytes takes a length and so many bytes off the front of b.
func cutBytes(b []byte, limit uint64) (taken, rest []byte, ok bool) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > limit || size > uint64(len(b)-n) {
		return nil, nil, false
	}
	end := n + int(size)
	return b[n:end], b[end:], true
}
