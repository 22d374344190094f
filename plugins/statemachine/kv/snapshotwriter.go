package kv

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// The snapshot format, docs/formats/kv-snapshot.md.
const (
	snapshotMagic   = "PNTN-KV\x1a"
	snapshotVersion = 1
	// expiringFlag says that each record has the deadline of its key. A store in which
	// no key expires is written without.
	expiringFlag = 1
	// historyFlag says that events follow the records.
	historyFlag = 2
	// headerBytes: magic 8, version 4, flags 4, applied 8, revision 8, CRC 4.
	headerBytes = 36
	// frameBytes: length 4, CRC 4.
	frameBytes = 8
	// blockBytes is where a writer ends a block.
	blockBytes = 64 << 10
	// recordBytes is the most that a record or an event has beside key and value: two
	// lengths and four numbers, of which no kind makes more.
	recordBytes = 6 * binary.MaxVarintLen64
	// maxPayloadBytes is the largest payload that a reader accepts.
	maxPayloadBytes = blockBytes + recordBytes + MaxKeyBytes + MaxValueBytes
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// snapshotWriter writes frames whose checksums continue one another.
type snapshotWriter struct {
	w     io.Writer
	table *crc32.Table
	crc   uint32
	// buf is the frame being filled, with room for its own header in front.
	buf   []byte
	count uint64
	// expiring: records have deadlines.
	expiring bool
	// fetches has the sum of what fetch reads. Without it the compiler would leave the
	// reads out.
	fetches uint64
}

// writeSnapshot writes a whole snapshot. It writes a block at a time and looks
// at ctx in between.
func writeSnapshot(ctx context.Context, w io.Writer, s *frozen) error {
	sw := &snapshotWriter{w: w, table: castagnoli(), buf: make([]byte, frameBytes, frameBytes+blockBytes+blockBytes/4), expiring: s.mortals > 0}
	if err := sw.header(s); err != nil {
		return err
	}
	err := sw.records(ctx, s)
	if err == nil {
		err = sw.end()
	}
	if err != nil || len(s.events) == 0 {
		return err
	}
	for i := range s.events {
		sw.addEvent(&s.events[i])
		if err := sw.block(ctx); err != nil {
			return err
		}
	}
	return sw.end()
}

// records writes the records in the order of their keys.
func (sw *snapshotWriter) records(ctx context.Context, s *frozen) error {
	next := make([]*record, 0, fetched)
	var err error
	s.keys.Ascend(func(at slot) bool {
		if next = append(next, at.rec); len(next) == cap(next) {
			err = sw.group(ctx, next)
			next = next[:0]
		}
		return err == nil
	})
	if err != nil {
		return err
	}
	return sw.group(ctx, next)
}

// group writes some records.
func (sw *snapshotWriter) group(ctx context.Context, group []*record) error {
	sw.fetches += fetch(group)
	for _, rec := range group {
		sw.add(rec)
		if err := sw.block(ctx); err != nil {
			return err
		}
	}
	return nil
}

// block ends the block if it is full.
func (sw *snapshotWriter) block(ctx context.Context) error {
	if len(sw.buf) < frameBytes+blockBytes {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return sw.flush(uint32(len(sw.buf) - frameBytes))
}

func (sw *snapshotWriter) header(s *frozen) error {
	h := make([]byte, 0, headerBytes)
	h = append(h, snapshotMagic...)
	h = binary.LittleEndian.AppendUint32(h, snapshotVersion)
	flags := uint32(0)
	if sw.expiring {
		flags = expiringFlag
	}
	if len(s.events) > 0 {
		flags |= historyFlag
	}
	h = binary.LittleEndian.AppendUint32(h, flags)
	h = binary.LittleEndian.AppendUint64(h, s.applied)
	h = binary.LittleEndian.AppendUint64(h, s.revision)
	sw.crc = crc32.Checksum(h, sw.table)
	_, err := sw.w.Write(binary.LittleEndian.AppendUint32(h, sw.crc))
	return err
}

// add appends a record to the block.
func (sw *snapshotWriter) add(rec *record) {
	sw.buf = appendRecord(sw.buf, rec, sw.expiring)
	sw.count++
}

// appendRecord appends a record.
func appendRecord(b []byte, r *record, expiring bool) []byte {
	b = appendCounted(b, r.key)
	b = appendCounted(b, r.value())
	b = binary.AppendUvarint(b, r.modify)
	b = binary.AppendUvarint(b, r.modify-r.create)
	b = binary.AppendUvarint(b, r.version)
	if expiring {
		b = binary.AppendUvarint(b, r.expires())
	}
	return b
}

func appendCounted(b, data []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(data))), data...)
}

// The kinds of events.
const (
	putEvent     = 0
	deleteEvent  = 1
	expiredEvent = 2
)

// addEvent appends an event to the block.
func (sw *snapshotWriter) addEvent(e *event) {
	switch {
	case e.rec != nil:
		sw.buf = appendRecord(append(sw.buf, putEvent), e.rec, true)
	case e.expired:
		sw.buf = appendGone(append(sw.buf, expiredEvent), e)
	default:
		sw.buf = appendGone(append(sw.buf, deleteEvent), e)
	}
	sw.count++
}

func appendGone(b []byte, e *event) []byte {
	return binary.AppendUvarint(appendCounted(b, e.key), e.revision)
}

// flush writes the frame in buf, under the given length, and empties buf.
func (sw *snapshotWriter) flush(length uint32) error {
	binary.LittleEndian.PutUint32(sw.buf, length)
	sw.crc = crc32.Update(sw.crc, sw.table, sw.buf[:4])
	sw.crc = crc32.Update(sw.crc, sw.table, sw.buf[frameBytes:])
	binary.LittleEndian.PutUint32(sw.buf[4:], sw.crc)
	_, err := sw.w.Write(sw.buf)
	sw.buf = sw.buf[:frameBytes]
	return err
}

// end writes what is left of the records, or of the events, and their closing frame.
func (sw *snapshotWriter) end() error {
	if len(sw.buf) > frameBytes {
		if err := sw.flush(uint32(len(sw.buf) - frameBytes)); err != nil {
			return err
		}
	}
	sw.buf = binary.LittleEndian.AppendUint64(sw.buf, sw.count)
	sw.count = 0
	return sw.flush(0)
}
