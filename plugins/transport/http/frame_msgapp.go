package httptransport

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/pontoon-raft/pontoon/internal/fields"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
)

// The msgapp stream, rafthttp's msgappv2. A frame starts with a tag:
//
//	0x00  heartbeat, nothing else
//	0x01  AppEntries: count, count × (length, Entry), commit
//	0x02  MsgApp: length, Message
//
// All integers are 8 bytes, big-endian. Both ends keep the term and index at
// which the log that went over the connection ends; an AppEntries frame
// continues there and needs to repeat neither.
const (
	tagHeartbeat  = 0x00
	tagAppEntries = 0x01
	tagMsgApp     = 0x02
)

var errUnknownTag = errors.New("unknown frame tag")

// position is the state of either end of a msgapp stream.
type position struct{ term, index uint64 }

// continues reports whether a message goes on exactly where the stream is.
func (p position) continues(s *raftmsg.Shape) bool {
	return s.Index == p.index && s.LogTerm == p.term && s.Term == s.LogTerm
}

// msgappEncoder is the sending end of a msgapp stream. Of the two frames that
// could carry a message it takes the shorter one.
type msgappEncoder struct {
	link raftmsg.Link
	at   position
}

// header appends all of an AppEntries frame, or what comes before the payload
// of a MsgApp frame; the result says whether the payload has yet to follow.
func (e *msgappEncoder) header(dst, payload []byte) ([]byte, bool, error) {
	s, err := raftmsg.Scan(payload)
	if err != nil {
		return dst, false, err
	}
	if e.short(&s, len(payload)) {
		e.at.index += uint64(s.Entries)
		return appendAppEntries(dst, payload, &s), false, nil
	}
	last, err := s.LastIndex()
	if err != nil {
		return dst, false, err
	}
	e.at = position{s.Term, last}
	dst = append(dst, tagMsgApp)
	return binary.BigEndian.AppendUint64(dst, uint64(len(payload))), true, nil
}

func (e *msgappEncoder) heartbeat(dst []byte) []byte { return append(dst, tagHeartbeat) }

// short reports whether an AppEntries frame says all that the message does,
// in fewer bytes.
func (e *msgappEncoder) short(s *raftmsg.Shape, size int) bool {
	return s.Kind == raftmsg.TypeApp && s.Plain && s.From == e.link.From && s.To == e.link.To &&
		e.at.continues(s) && 1+8+8*s.Entries+s.EntryBytes+8 < 1+8+size
}

// appendAppEntries copies the entries out of a payload that scan accepted.
func appendAppEntries(dst, payload []byte, s *raftmsg.Shape) []byte {
	dst = appendEntries(append(dst, tagAppEntries), payload, s)
	return binary.BigEndian.AppendUint64(dst, s.Commit)
}

// appendEntries appends the count of a payload's entries, and each with its
// length.
func appendEntries(dst, payload []byte, s *raftmsg.Shape) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(s.Entries))
	for w := fields.Over(payload); w.Next(); {
		if w.Number() == raftmsg.FieldEntries {
			dst = binary.BigEndian.AppendUint64(dst, uint64(len(w.Value)))
			dst = append(dst, w.Value...)
		}
	}
	return dst
}

// msgappDecoder is the receiving end of a msgapp stream.
type msgappDecoder struct {
	r       *bufio.Reader
	link    raftmsg.Link
	limit   int
	at      position
	shape   raftmsg.Shape
	scratch []byte // entries of the AppEntries frame being read
}

func (d *msgappDecoder) next() ([]byte, *raftmsg.Shape, error) {
	tag, err := d.r.ReadByte()
	if err != nil {
		return nil, nil, err
	}
	switch tag {
	case tagHeartbeat:
		return nil, nil, nil
	case tagAppEntries:
		return d.appEntries()
	case tagMsgApp:
		return d.msgApp()
	default:
		return nil, nil, fmt.Errorf("%w: %#02x", errUnknownTag, tag)
	}
}

func (d *msgappDecoder) msgApp() ([]byte, *raftmsg.Shape, error) {
	payload, err := readFrame(d.r, d.limit)
	if err != nil {
		return nil, nil, wire.Unexpected(err, 1)
	}
	if d.shape, err = raftmsg.Scan(payload); err != nil {
		return nil, nil, fmt.Errorf("msgapp frame: %w", err)
	}
	if d.shape.Kind != raftmsg.TypeApp {
		return nil, nil, fmt.Errorf("msgapp frame: %w: type %d", raftmsg.ErrMalformed, d.shape.Kind)
	}
	if err := d.link.Check(&d.shape); err != nil {
		return nil, nil, fmt.Errorf("msgapp frame: %w", err)
	}
	last, err := d.shape.LastIndex()
	if err != nil {
		return nil, nil, fmt.Errorf("msgapp frame: %w", err)
	}
	d.at = position{d.shape.Term, last}
	return payload, &d.shape, nil
}

// appEntries rebuilds the message that the frame stands for.
func (d *msgappDecoder) appEntries() ([]byte, *raftmsg.Shape, error) {
	count, err := readUint64(d.r)
	if err != nil {
		return nil, nil, wire.Unexpected(err, 1)
	}
	d.scratch = d.scratch[:0]
	for range count {
		if d.scratch, err = readEntry(d.r, d.scratch, d.limit); err != nil {
			return nil, nil, wire.Unexpected(err, 1)
		}
	}
	commit, err := readUint64(d.r)
	if err != nil {
		return nil, nil, wire.Unexpected(err, 1)
	}
	d.shape = raftmsg.Shape{
		Kind: raftmsg.TypeApp, To: d.link.To, From: d.link.From,
		Term: d.at.term, LogTerm: d.at.term, Index: d.at.index, Commit: commit,
	}
	payload := rebuild(&d.shape, d.scratch)
	d.at.index += count
	if cap(d.scratch) > wire.GrowBytes {
		d.scratch = nil
	}
	return payload, &d.shape, nil
}

// readEntry reads one entry and appends it in the form it has inside a
// Message, unless dst would become longer than limit.
func readEntry(r *bufio.Reader, dst []byte, limit int) ([]byte, error) {
	room := limit - len(dst) - 1 - binary.MaxVarintLen64
	if room < 0 {
		return dst, fmt.Errorf("append entries of more than %d bytes: %w", limit, plugins.ErrLimit)
	}
	n, err := readLength(r, room)
	if err != nil {
		return dst, err
	}
	dst = fields.AppendLength(dst, raftmsg.FieldEntries, n)
	return wire.ReadBytes(r, slices.Grow(dst, min(n, wire.GrowBytes)), n)
}

// rebuild encodes a MsgApp around entries that are encoded already.
func rebuild(s *raftmsg.Shape, entries []byte) []byte {
	var array [8 * (1 + binary.MaxVarintLen64)]byte
	head := array[:0]
	head = fields.AppendVarint(head, raftmsg.FieldType, s.Kind)
	head = fields.AppendVarint(head, raftmsg.FieldTo, s.To)
	head = fields.AppendVarint(head, raftmsg.FieldFrom, s.From)
	head = fields.AppendVarint(head, raftmsg.FieldTerm, s.Term)
	head = fields.AppendVarint(head, raftmsg.FieldLogTerm, s.LogTerm)
	head = fields.AppendVarint(head, raftmsg.FieldIndex, s.Index)
	split := len(head)
	head = fields.AppendVarint(head, raftmsg.FieldCommit, s.Commit)

	payload := make([]byte, 0, len(head)+len(entries))
	payload = append(payload, head[:split]...)
	payload = append(payload, entries...)
	return append(payload, head[split:]...)
}

func (d *msgappDecoder) complete() bool {
	if d.r.Buffered() == 0 {
		return false
	}
	tag, err := d.r.Peek(1)
	if err != nil {
		return false
	}
	switch tag[0] {
	case tagMsgApp:
		return frameBuffered(d.r, 1)
	case tagAppEntries:
		return appEntriesBuffered(d.r)
	default:
		return true
	}
}

// appEntriesBuffered reports whether all of an AppEntries frame is in r's
// buffer.
func appEntriesBuffered(r *bufio.Reader) bool {
	b, err := r.Peek(r.Buffered())
	if err != nil || len(b) < 9 {
		return false
	}
	b, whole := skipEntries(b[1:])
	return whole && len(b) >= 8
}

// skipEntries returns what follows a count and that many entries in b, which
// begins with the count, and whether all of them are there.
func skipEntries(b []byte) ([]byte, bool) {
	count := binary.BigEndian.Uint64(b)
	b = b[8:]
	for ; count > 0; count-- {
		if len(b) < 8 {
			return nil, false
		}
		n := binary.BigEndian.Uint64(b)
		if n > uint64(len(b)-8) {
			return nil, false
		}
		b = b[8+n:]
	}
	return b, true
}
