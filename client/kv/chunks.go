package kv

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	kvv1 "github.com/pontoon-raft/pontoon/api/kv/v1"
)

// maxPart is the most bytes of an answer that wait for the rest of their entry: those of
// the largest key and value, and what surrounds them.
const maxPart = 64<<20 + 64<<10

// Chunks decodes the answer to a query that comes in chunks (client.Client.QueryStream),
// all of it of one revision. The zero value is ready for the first chunk. It is for one
// goroutine.
type Chunks struct {
	rest     []byte // of an entry that has begun
	revision uint64
	more     bool
}

// Add takes the next chunk, of which it keeps a copy, and returns the entries that are
// whole with it, in the order of their keys.
func (c *Chunks) Add(chunk []byte) ([]Entry, error) {
	c.rest = append(c.rest, chunk...)
	whole, err := wholeFields(c.rest)
	if err != nil {
		return nil, fmt.Errorf("kv: chunk of %d bytes: %w", len(chunk), err)
	}
	page := Page{}
	if whole > 0 {
		var m kvv1.QueryResult
		if err := proto.Unmarshal(c.rest[:whole], &m); err != nil {
			return nil, fmt.Errorf("kv: chunk of %d bytes: %w", len(chunk), err)
		}
		page = pageOf(&m)
		c.revision, c.more = max(c.revision, page.Revision), c.more || page.More
	}
	c.rest = restOf(c.rest, whole)
	if n := len(c.rest); n > maxPart {
		return nil, fmt.Errorf("kv: an entry of more than %d bytes, at most %d", n, maxPart)
	}
	return page.Entries, nil
}

// mostRoom bounds the buffer that is kept for the next chunk. A larger buffer was for one entry or
// update.
const mostRoom = 4 << 20

// restOf returns b without its first whole bytes, in the place of b unless b is large.
func restOf(b []byte, whole int) []byte {
	switch rest := b[whole:]; {
	case whole == 0:
		return b
	case cap(b) > mostRoom:
		return bytes.Clone(rest)
	default:
		return append(b[:0], rest...)
	}
}

// wholeFields counts the bytes of the whole fields that b begins with.
func wholeFields(b []byte) (whole int, err error) {
	for whole < len(b) {
		_, _, n := protowire.ConsumeField(b[whole:])
		switch err := protowire.ParseError(n); {
		case errors.Is(err, io.ErrUnexpectedEOF):
			return whole, nil
		case n < 0:
			return 0, err
		}
		whole += n
	}
	return whole, nil
}

// End is called after the last chunk. It returns the revision of the answer, and whether
// keys of the range were left out because of its limit.
func (c *Chunks) End() (revision uint64, more bool, err error) {
	if n := len(c.rest); n > 0 {
		return 0, false, fmt.Errorf("kv: the answer ended within an entry, of which %d bytes came: %w", n, io.ErrUnexpectedEOF)
	}
	return c.revision, c.more, nil
}
