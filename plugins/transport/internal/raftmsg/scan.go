// Package raftmsg takes a shallow look at encoded raft messages, as a
// transport needs it: sender, receiver and kind.
package raftmsg

import (
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/fields"
)

// Message types of raft that transports have to tell apart.
const (
	TypeApp            = 3
	TypeAppResp        = 4
	TypeSnap           = 7
	TypeHeartbeat      = 8
	TypeTransferLeader = 13
)

// ErrMalformed: the bytes are not a message. Every function here that reads
// one returns it.
var ErrMalformed = errors.New("malformed message")

// ErrUnexpectedPeer: a message names another sender or receiver than the
// connection does. Link.Check returns it.
var ErrUnexpectedPeer = errors.New("message of another connection")

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
	w := fields.Over(message)
	for w.Next() {
		if err := s.take(&w); err != nil {
			return s, err
		}
	}
	return s, malformed(w.Err())
}

// take notes one field.
func (s *Shape) take(w *fields.Walk) error {
	number, target := w.Number(), s.varint(w.Number())
	switch kind := w.Type(); {
	case kind == fields.StartGroup:
		return fmt.Errorf("%w: field %d is a group", ErrMalformed, number)
	case target != nil && kind != fields.Varint:
		return fmt.Errorf("%w: field %d is not a varint", ErrMalformed, number)
	case (number == FieldEntries || number == FieldSnapshot) && kind != fields.Bytes:
		return fmt.Errorf("%w: field %d is not a message", ErrMalformed, number)
	case number == FieldType:
		s.Kind = uint64(uint32(w.Varint)) // as decoders truncate it
	case target != nil:
		*target = w.Varint
	case number == FieldEntries:
		s.Entries++
		s.EntryBytes += len(w.Value)
		s.LastEntry = w.Value
	case number == FieldSnapshot:
		// Every message of a gogo-encoded raftpb has a snapshot; one of only
		// zeros is an absent one.
		if !zeroMessage(w.Value, 3) {
			s.Plain = false
		}
	case kind != fields.Varint && len(w.Value) > 0, kind == fields.Varint && w.Varint != 0:
		s.Plain = false
	}
	return nil
}

// malformed is what a walk ended with.
func malformed(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

func (s *Shape) varint(number uint32) *uint64 {
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
	w := fields.Over(entry)
	for w.Next() {
		switch w.Tag {
		case entryFieldTerm<<3 | fields.Varint:
			term = w.Varint
		case entryFieldIndex<<3 | fields.Varint:
			index = w.Varint
		}
	}
	return term, index, malformed(w.Err())
}

// zeroMessage reports whether body encodes nothing but zeros, in messages
// nested at most depth deep.
func zeroMessage(body []byte, depth int) bool {
	w := fields.Over(body)
	for w.Next() {
		switch w.Type() {
		case fields.Varint:
			if w.Varint != 0 {
				return false
			}
		case fields.Bytes:
			if len(w.Value) > 0 && (depth == 0 || !zeroMessage(w.Value, depth-1)) {
				return false
			}
		default:
			return false
		}
	}
	return w.Err() == nil
}
