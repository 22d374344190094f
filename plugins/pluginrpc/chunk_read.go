package pluginrpc

import (
	"errors"
	"fmt"
	"io"
)

// A ChunkReader reads what a stream carries in chunks. It ends with io.EOF only
// after the message that is said to be the last: a stream that was cut off is not
// a whole one.
type ChunkReader struct {
	next func() (chunk []byte, last bool, err error)
	rest []byte // of the chunk that is being read
	last bool   // there is none after it
	err  error  // why there is nothing after rest
}

var _ io.WriterTo = (*ChunkReader)(nil)

// NewChunkReader reads the chunks that next returns. The reader is done with a chunk
// when it calls next again, and calls it no more after an error or the last chunk. An
// io.EOF of next does not stand for the last chunk: it is an io.ErrUnexpectedEOF.
func NewChunkReader(next func() (chunk []byte, last bool, err error)) *ChunkReader {
	return &ChunkReader{next: next}
}

// Read implements io.Reader.
func (r *ChunkReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !r.fill() {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// WriteTo implements io.WriterTo: each chunk is one write.
func (r *ChunkReader) WriteTo(w io.Writer) (written int64, err error) {
	for r.fill() {
		n, err := w.Write(r.rest)
		if err == nil && n != len(r.rest) {
			err = io.ErrShortWrite
		}
		written, r.rest = written+int64(n), nil
		if err != nil {
			return written, err
		}
	}
	if errors.Is(r.err, io.EOF) {
		return written, nil
	}
	return written, r.err
}

// fill reports whether there are bytes to read; if not, err says why.
func (r *ChunkReader) fill() bool {
	for len(r.rest) == 0 && r.err == nil {
		if r.last {
			r.err = io.EOF
			break
		}
		if r.rest, r.last, r.err = r.next(); errors.Is(r.err, io.EOF) {
			r.err = fmt.Errorf("%w: %s", io.ErrUnexpectedEOF, r.err.Error())
		}
	}
	return len(r.rest) > 0
}

// Err is what Read ended with: nil before, io.EOF after the whole.
func (r *ChunkReader) Err() error { return r.err }

// End lets Read fail with err, unless it has ended before.
func (r *ChunkReader) End(err error) {
	r.rest = nil
	if r.err == nil {
		r.err = err
	}
}
