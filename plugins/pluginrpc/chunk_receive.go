package pluginrpc

import (
	"context"
	"fmt"
	"io"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/chunksum"
	"github.com/pontoon-raft/pontoon/plugins"
)

// Parts finds in a message of type M of a stream of chunks its parts, of which it has
// one: whether it is a header, its chunk, and its end.
type Parts[M any] func(*M) (header bool, chunk *[]byte, end **pluginv1.StreamEnd)

// A Sum counts the bytes of chunks and sums them up. The zero value is that of none.
type Sum struct{ chunksum.Sum }

// End is the end of a stream of these chunks.
func (s *Sum) End() *pluginv1.StreamEnd {
	return &pluginv1.StreamEnd{Length: s.Bytes(), Crc32: s.CRC32()}
}

// blame is what a fault of the sender is called by its receiver.
type blame struct {
	breach, over, cut error
}

var (
	ofPlugin = blame{breach: plugins.ErrBadAnswer, over: plugins.ErrBadAnswer, cut: plugins.ErrBadAnswer}
	ofHost   = blame{breach: plugins.ErrInvalidArgument, over: plugins.ErrLimit, cut: io.ErrUnexpectedEOF}
)

// Chunks is a stream of chunks that arrives. It ends well only after its end, and if
// that fits what came.
type Chunks[M any] struct {
	message   *M // the last one; the next chunk takes the place of its chunk
	receive   func(*M) error
	parts     Parts[M]
	most      uint64 // bytes of a chunk
	blame     blame
	announced *uint64 // the length, if it was said before
	alone     bool    // nothing comes on the stream after the end
	got       Sum
}

// ReceiveChunks reads, at the plugin's end, what the host sends after first, which has to
// be the header. An early end is io.ErrUnexpectedEOF.
func ReceiveChunks[M any](stream interface{ RecvMsg(any) error }, first *M, most uint64, parts Parts[M]) (*Chunks[M], error) {
	c := &Chunks[M]{
		message: new(M), parts: parts, most: most, blame: ofHost,
		receive: func(m *M) error { return stream.RecvMsg(m) },
	}
	return c, c.checkHeader(first)
}

// Arriving reads, at the host's end, what a plugin sends: a header, if the stream has one,
// then chunks of at most so many bytes, and an end. ctx is the stream's.
func Arriving[M any](ctx context.Context, table *Table, stream interface{ RecvMsg(any) error }, most uint64, parts Parts[M]) *Chunks[M] {
	receive := func(m *M) error {
		if err := stream.RecvMsg(m); err != io.EOF {
			return table.Error(ctx, err)
		}
		return io.EOF
	}
	return &Chunks[M]{message: new(M), parts: parts, most: most, blame: ofPlugin, receive: receive}
}

// Alone has Next check that nothing comes on the stream after the end.
func (c *Chunks[M]) Alone() *Chunks[M] {
	c.alone = true
	return c
}

// Announced has Next check that the chunks have as many bytes.
func (c *Chunks[M]) Announced(bytes uint64) { c.announced = &bytes }

// Reader reads the chunks.
func (c *Chunks[M]) Reader() *ChunkReader { return NewChunkReader(c.Next) }

// ReaderOf reads the chunks; an error says what they are of, and how many bytes there were.
func (c *Chunks[M]) ReaderOf(what string) *ChunkReader {
	return NewChunkReader(func() (chunk []byte, last bool, err error) {
		if chunk, last, err = c.Next(); err != nil {
			err = fmt.Errorf("%s after %d bytes: %w", what, c.Bytes(), err)
		}
		return chunk, last, err
	})
}

// Bytes is how many have come.
func (c *Chunks[M]) Bytes() uint64 { return c.got.Bytes() }

// Header receives the header.
func (c *Chunks[M]) Header() (*M, error) {
	first := new(M)
	if err := c.receive(first); err == io.EOF {
		return nil, ruled(c.blame.cut, "P-41", "the stream ended without a header")
	} else if err != nil {
		return nil, err
	}
	return first, c.checkHeader(first)
}

// checkHeader checks that the message is a header and nothing else.
func (c *Chunks[M]) checkHeader(first *M) error {
	if header, chunk, end := c.parts(first); !header || len(*chunk) > 0 || *end != nil {
		return ruled(c.blame.breach, "P-41", "a stream begins with its header, and with nothing else")
	}
	return nil
}

// Next receives a chunk, or the end: it is what a ChunkReader reads with. A message
// without a part that is known counts as an empty chunk.
func (c *Chunks[M]) Next() (chunk []byte, last bool, err error) {
	if err := c.take(); err == io.EOF {
		return nil, false, ruled(c.blame.cut, "P-42", "the stream ended after %d bytes without an end mark", c.got.Bytes())
	} else if err != nil {
		return nil, false, err
	}
	header, room, end := c.parts(c.message)
	switch n := uint64(len(*room)); {
	case header:
		return nil, false, ruled(c.blame.breach, "P-41", "a header after %d bytes", c.got.Bytes())
	case *end != nil && n > 0:
		return nil, false, ruled(c.blame.breach, "P-41", "an end mark with a chunk of %d bytes", n)
	case *end != nil:
		return nil, true, c.end(*end)
	case n > c.most:
		return nil, false, ruled(c.blame.over, "P-32", "chunk of %d bytes, at most %d", n, c.most)
	}
	c.got.Add(*room)
	if c.announced != nil && c.got.Bytes() > *c.announced {
		return nil, false, ruled(c.blame.breach, "P-45", "%d bytes, announced as %d", c.got.Bytes(), *c.announced)
	}
	return *room, false, nil
}

// take receives a message in the place of the last one.
func (c *Chunks[M]) take() error {
	_, chunk, _ := c.parts(c.message)
	room := (*chunk)[:0]
	*c.message = *new(M)
	*chunk = room
	return c.receive(c.message)
}

// end holds what came against what the sender says of it.
func (c *Chunks[M]) end(mark *pluginv1.StreamEnd) error {
	switch {
	case mark.Length != c.got.Bytes():
		return ruled(c.blame.breach, "P-41", "%d bytes came, the end mark says %d", c.got.Bytes(), mark.Length)
	case mark.Crc32 != c.got.CRC32():
		return ruled(c.blame.breach, "P-41", "the %d bytes that came have CRC-32 %08x, the end mark has %08x", c.got.Bytes(), c.got.CRC32(), mark.Crc32)
	case c.announced != nil && c.got.Bytes() < *c.announced:
		return ruled(c.blame.breach, "P-45", "ended after %d of %d bytes", c.got.Bytes(), *c.announced)
	case !c.alone:
		return nil
	}
	if err := c.take(); err == io.EOF {
		return nil
	} else if err != nil {
		return err
	}
	return ruled(c.blame.breach, "P-41", "a message after the end mark")
}
