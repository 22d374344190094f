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
	// headerBytes: magic 8, version 4, flags 4, applied 8, revision 8, CRC 4.
	headerBytes = 36
	// frameBytes: length 4, CRC 4.
	frameBytes = 8
	// blockBytes is where a writer ends a block.
	blockBytes = 64 << 10
	// recordBytes is the most that a record has beside key and value: two
	// lengths and four numbers.
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
}

// writeSnapshot writes a whole snapshot. It writes a block at a time and looks
// at ctx in between.
func writeSnapshot(ctx context.Context, w io.Writer, s *store) error {
	sw := &snapshotWriter{w: w, table: castagnoli(), buf: make([]byte, frameBytes, frameBytes+blockBytes+blockBytes/4), expiring: s.mortals > 0}
	if err := sw.header(s); err != nil {
		return err
	}
	var err error
	s.keys.Ascend(func(at slot) bool {
		sw.add(at)
		if len(sw.buf) < frameBytes+blockBytes {
			return true
		}
		if err = ctx.Err(); err == nil {
			err = sw.flush(uint32(len(sw.buf) - frameBytes))
		}
		return err == nil
	})
	if err != nil {
		return err
	}
	return sw.end()
}

func (sw *snapshotWriter) header(s *store) error {
	h := make([]byte, 0, headerBytes)
	h = append(h, snapshotMagic...)
	h = binary.LittleEndian.AppendUint32(h, snapshotVersion)
	flags := uint32(0)
	if sw.expiring {
		flags = expiringFlag
	}
	h = binary.LittleEndian.AppendUint32(h, flags)
	h = binary.LittleEndian.AppendUint64(h, s.applied)
	h = binary.LittleEndian.AppendUint64(h, s.revision)
	sw.crc = crc32.Checksum(h, sw.table)
	_, err := sw.w.Write(binary.LittleEndian.AppendUint32(h, sw.crc))
	return err
}

// add appends a record to the block.
func (sw *snapshotWriter) add(at slot) {
	value := at.value()
	b := binary.AppendUvarint(sw.buf, uint64(len(at.key)))
	b = append(b, at.key...)
	b = binary.AppendUvarint(b, uint64(len(value)))
	b = append(b, value...)
	b = binary.AppendUvarint(b, at.rec.modify)
	b = binary.AppendUvarint(b, at.rec.modify-at.rec.create)
	b = binary.AppendUvarint(b, at.rec.version)
	if sw.expiring {
		b = binary.AppendUvarint(b, at.expires())
	}
	sw.buf = b
	sw.count++
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

// end writes what is left and the closing frame.
func (sw *snapshotWriter) end() error {
	if len(sw.buf) > frameBytes {
		if err := sw.flush(uint32(len(sw.buf) - frameBytes)); err != nil {
			return err
		}
	}
	sw.buf = binary.LittleEndian.AppendUint64(sw.buf, sw.count)
	return sw.flush(0)
}
