package httptransport

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Message types of raft that this transport has to tell apart.
const (
	typeApp            = 3
	typeSnap           = 7
	typeHeartbeat      = 8
	typeTransferLeader = 13
)

// errLocalType: raft's messages to itself have no business on a network.
var errLocalType = errors.New("message type is not one for the network")

// local tells the types that raft sends to itself, and those that it does not
// have.
func local(kind uint64) bool {
	const (
		hup, beat, checkQuorum = 0, 1, 12
		unreachable, status    = 10, 11
		firstOfStorage         = 19 // and all above
	)
	switch kind {
	case hup, beat, checkQuorum, unreachable, status:
		return true
	}
	return kind >= firstOfStorage
}

var errMalformed = errors.New("malformed message")

// Wire types of protobuf.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// Field numbers of Message and Entry that the scanner knows.
const (
	fieldType     = 1
	fieldTo       = 2
	fieldFrom     = 3
	fieldTerm     = 4
	fieldLogTerm  = 5
	fieldIndex    = 6
	fieldEntries  = 7
	fieldCommit   = 8
	fieldSnapshot = 9

	entryFieldIndex = 3
)

// A shape is what a shallow look at an encoded Message tells. Entries stay as
// they are; only the position of each is noted by whoever walks them.
type shape struct {
	kind                                   uint64
	to, from, term, logTerm, index, commit uint64

	entries    int
	entryBytes int    // of all entries, without tags and lengths
	lastEntry  []byte // the last one, nil if there is none
	plain      bool   // nothing is set beyond the fields above
}

// scan takes the shape of an encoded Message. It allocates nothing, and
// accepts only what a protobuf decoder accepts too at this depth.
func scan(message []byte) (shape, error) {
	s := shape{plain: true}
	for rest := message; len(rest) > 0; {
		number, value, body, n, err := nextField(rest)
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
func (s *shape) take(number int, value uint64, body []byte) error {
	target := s.varint(number)
	switch {
	case number == fieldType && body == nil:
		s.kind = uint64(uint32(value)) // as decoders truncate it
	case target != nil && body == nil:
		*target = value
	case target != nil:
		return fmt.Errorf("%w: field %d is not a varint", errMalformed, number)
	case number == fieldEntries && body != nil:
		s.entries++
		s.entryBytes += len(body)
		s.lastEntry = body
	case number == fieldSnapshot && body != nil:
		// Every message of a gogo-encoded raftpb has a snapshot; one of only
		// zeros is an absent one.
		if !zeroMessage(body, 3) {
			s.plain = false
		}
	case number == fieldEntries || number == fieldSnapshot:
		return fmt.Errorf("%w: field %d is not a message", errMalformed, number)
	case value != 0 || len(body) > 0:
		s.plain = false
	}
	return nil
}

func (s *shape) varint(number int) *uint64 {
	switch number {
	case fieldType:
		return &s.kind
	case fieldTo:
		return &s.to
	case fieldFrom:
		return &s.from
	case fieldTerm:
		return &s.term
	case fieldLogTerm:
		return &s.logTerm
	case fieldIndex:
		return &s.index
	case fieldCommit:
		return &s.commit
	default:
		return nil
	}
}

// linkHeartbeat reports whether the message is the one that rafthttp sends
// only to show that a stream is alive: a heartbeat of nobody to nobody.
func (s *shape) linkHeartbeat() bool {
	return s.kind == typeHeartbeat && s.from == 0 && s.to == 0
}

// lastIndex is the index of the last entry, or of the message if it has none.
func (s *shape) lastIndex() (uint64, error) {
	if s.entries == 0 {
		return s.index, nil
	}
	index := uint64(0)
	for rest := s.lastEntry; len(rest) > 0; {
		number, value, body, n, err := nextField(rest)
		if err != nil {
			return 0, fmt.Errorf("last entry: %w", err)
		}
		rest = rest[n:]
		if number == entryFieldIndex && body == nil {
			index = value
		}
	}
	return index, nil
}

// zeroMessage reports whether body encodes nothing but zeros, in messages
// nested at most depth deep.
func zeroMessage(body []byte, depth int) bool {
	for len(body) > 0 {
		_, value, inner, n, err := nextField(body)
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

// nextField reads one field and says how long it was. body is nil for a
// varint, and not nil, though perhaps empty, for every other wire type.
func nextField(b []byte) (number int, value uint64, body []byte, n int, err error) {
	tag, n := binary.Uvarint(b)
	if n <= 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 {
		return 0, 0, nil, 0, fmt.Errorf("%w: bad tag", errMalformed)
	}
	number = int(tag >> 3)
	size := uint64(0)
	switch tag & 7 {
	case wireVarint:
		v, m := binary.Uvarint(b[n:])
		if m <= 0 {
			return 0, 0, nil, 0, fmt.Errorf("%w: bad varint in field %d", errMalformed, number)
		}
		return number, v, nil, n + m, nil
	case wireBytes:
		v, m := binary.Uvarint(b[n:])
		if m <= 0 {
			return 0, 0, nil, 0, fmt.Errorf("%w: bad length of field %d", errMalformed, number)
		}
		size, n = v, n+m
	case wireFixed64:
		size = 8
	case wireFixed32:
		size = 4
	default:
		return 0, 0, nil, 0, fmt.Errorf("%w: wire type %d in field %d", errMalformed, tag&7, number)
	}
	if size > uint64(len(b)-n) {
		return 0, 0, nil, 0, fmt.Errorf("%w: field %d has %d bytes, %d are left", errMalformed, number, size, len(b)-n)
	}
	end := n + int(size)
	return number, 0, b[n:end:end], end, nil
}
