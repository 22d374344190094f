// Package raftmsg takes a shallow look at encoded raft messages, as a
// transport needs it: who sent it, to whom, and what kind it is.
package raftmsg

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Message types of raft that transports have to tell apart.
const (
	TypeApp            = 3
	TypeAppResp        = 4
	TypeSnap           = 7
	TypeHeartbeat      = 8
	TypeTransferLeader = 13
)

// ErrMalformed: the bytes are not a message.
var ErrMalformed = errors.New("malformed message")

// ErrUnexpectedPeer: a message names another sender or receiver than the
// connection does.
var ErrUnexpectedPeer = errors.New("message of another connection")

// Wire types of protobuf.
const (
	WireVarint  = 0
	WireFixed64 = 1
	WireBytes   = 2
	WireFixed32 = 5
)

// Field numbers of Message and Entry that the scanner knows.
const (
	FieldType     = 1
	FieldTo       = 2
	FieldFrom     = 3
	FieldTerm     = 4
	FieldLogTerm  = 5
	FieldIndex    = 6
	FieldEntries  = 7
	FieldCommit   = 8
	FieldSnapshot = 9

	entryFieldTerm  = 2
	entryFieldIndex = 3
)

// A Shape is what a shallow look at an encoded Message tells. Entries stay as
// they are; only the position of each is noted by a walk over them.
type Shape struct {
	Kind                                   uint64 // the type
	To, From, Term, LogTerm, Index, Commit uint64

	Entries    int
	EntryBytes int    // of all entries, without tags and lengths
	LastEntry  []byte // the last one, nil if there is none
	Plain      bool   // nothing is set beyond the fields above
}

// Scan takes the shape of an encoded Message. It allocates nothing, and
// accepts only what a protobuf decoder accepts too at this depth.
func Scan(message []byte) (Shape, error) {
	s := Shape{Plain: true}
	for rest := message; len(rest) > 0; {
		number, value, body, n, err := NextField(rest)
		if err != nil {
			return s, err
		}
		rest = rest[n:]
		if err := s.take(number, value, body); err != nil {
			return s, err
		}
	}
	return s, nil
}

// take notes one field. body is nil exactly for varints.
func (s *Shape) take(number int, value uint64, body []byte) error {
	target := s.varint(number)
	switch {
	case number == FieldType && body == nil:
		s.Kind = uint64(uint32(value)) // as decoders truncate it
	case target != nil && body == nil:
		*target = value
	case target != nil:
		return fmt.Errorf("%w: field %d is not a varint", ErrMalformed, number)
	case number == FieldEntries && body != nil:
		s.Entries++
		s.EntryBytes += len(body)
		s.LastEntry = body
	case number == FieldSnapshot && body != nil:
		// Every message of a gogo-encoded raftpb has a snapshot; one of only
		// zeros is an absent one.
		if !zeroMessage(body, 3) {
			s.Plain = false
		}
	case number == FieldEntries || number == FieldSnapshot:
		return fmt.Errorf("%w: field %d is not a message", ErrMalformed, number)
	case value != 0 || len(body) > 0:
		s.Plain = false
	}
	return nil
}

func (s *Shape) varint(number int) *uint64 {
	switch number {
	case FieldType:
		return &s.Kind
	case FieldTo:
		return &s.To
	case FieldFrom:
		return &s.From
	case FieldTerm:
		return &s.Term
	case FieldLogTerm:
		return &s.LogTerm
	case FieldIndex:
		return &s.Index
	case FieldCommit:
		return &s.Commit
	default:
		return nil
	}
}

// LinkHeartbeat reports whether the message is the one that rafthttp sends
// only to show that a stream is alive: a heartbeat from member 0 to member 0.
func (s *Shape) LinkHeartbeat() bool {
	return s.Kind == TypeHeartbeat && s.From == 0 && s.To == 0
}

// LastIndex is the index of the last entry, or of the message if it has none.
func (s *Shape) LastIndex() (uint64, error) {
	if s.Entries == 0 {
		return s.Index, nil
	}
	_, index, err := EntryPosition(s.LastEntry)
	if err != nil {
		return 0, fmt.Errorf("last entry: %w", err)
	}
	return index, nil
}

// EntryPosition reads the term and the index of an encoded Entry.
func EntryPosition(entry []byte) (term, index uint64, err error) {
	for len(entry) > 0 {
		number, value, body, n, err := NextField(entry)
		if err != nil {
			return 0, 0, err
		}
		entry = entry[n:]
		switch {
		case body != nil:
		case number == entryFieldTerm:
			term = value
		case number == entryFieldIndex:
			index = value
		}
	}
	return term, index, nil
}

// zeroMessage reports whether body encodes nothing but zeros, in messages
// nested at most depth deep.
func zeroMessage(body []byte, depth int) bool {
	for len(body) > 0 {
		_, value, inner, n, err := NextField(body)
		if err != nil || value != 0 {
			return false
		}
		if len(inner) > 0 && (depth == 0 || !zeroMessage(inner, depth-1)) {
			return false
		}
		body = body[n:]
	}
	return true
}

// NextField reads one field and says how long it was. body is nil for a
// varint, and not nil, though perhaps empty, for every other wire type.
func NextField(b []byte) (number int, value uint64, body []byte, n int, err error) {
	tag, n := binary.Uvarint(b)
	if n <= 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 {
		return 0, 0, nil, 0, fmt.Errorf("%w: bad tag", ErrMalformed)
	}
	number = int(tag >> 3)
	size := uint64(0)
	switch tag & 7 {
	case WireVarint:
		v, m := binary.Uvarint(b[n:])
		if m <= 0 {
			return 0, 0, nil, 0, fmt.Errorf("%w: bad varint in field %d", ErrMalformed, number)
		}
		return number, v, nil, n + m, nil
	case WireBytes:
		v, m := binary.Uvarint(b[n:])
		if m <= 0 {
			return 0, 0, nil, 0, fmt.Errorf("%w: bad length of field %d", ErrMalformed, number)
		}
		size, n = v, n+m
	case WireFixed64:
		size = 8
	case WireFixed32:
		size = 4
	default:
		return 0, 0, nil, 0, fmt.Errorf("%w: wire type %d in field %d", ErrMalformed, tag&7, number)
	}
	if size > uint64(len(b)-n) {
		return 0, 0, nil, 0, fmt.Errorf("%w: field %d has %d bytes, %d are left", ErrMalformed, number, size, len(b)-n)
	}
	end := n + int(size)
	return number, 0, b[n:end:end], end, nil
}
