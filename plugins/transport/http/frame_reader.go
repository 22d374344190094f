package httptransport

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/pontoon-raft/pontoon/plugins"
)

// readBufferBytes is the buffer of one stream's reader. What it holds is
// delivered as one batch.
const readBufferBytes = 128 << 10

// growBytes is how much memory a frame's announced length gets before any of
// its bytes has arrived.
const growBytes = 1 << 20

// errUnexpectedPeer: a message names another sender or receiver than the
// connection does.
var errUnexpectedPeer = errors.New("message of another connection")

// A frameReader decodes one stream. next returns nil, nil for link
// heartbeats. complete reports whether next can answer without reading from
// the connection.
type frameReader interface {
	next() ([]byte, *shape, error)
	complete() bool
}

// link names the two ends of a stream as its reader sees them.
type link struct{ from, to uint64 }

// check refuses a message that is not from the link's sender to its receiver.
// A forwarded MsgTransferLeader is the one message whose sender field names
// somebody else: the member that shall lead.
func (l link) check(s *shape) error {
	if local(s.kind) {
		return fmt.Errorf("%w: type %d from %x", errLocalType, s.kind, l.from)
	}
	if s.to != l.to || (s.from != l.from && s.kind != typeTransferLeader) {
		return fmt.Errorf("%w: %x to %x instead of %x to %x", errUnexpectedPeer, s.from, s.to, l.from, l.to)
	}
	return nil
}

// readLength reads a length and refuses it if it is over the limit.
func readLength(r *bufio.Reader, limit int) (int, error) {
	n, err := readUint64(r)
	if err != nil {
		return 0, err
	}
	if n > uint64(limit) {
		return 0, fmt.Errorf("frame of %d bytes, limit %d: %w", n, limit, plugins.ErrLimit)
	}
	return int(n), nil
}

func readUint64(r *bufio.Reader) (uint64, error) {
	b, err := r.Peek(8)
	if err != nil {
		return 0, unexpected(err, len(b))
	}
	n := binary.BigEndian.Uint64(b)
	_, err = r.Discard(8)
	return n, err
}

// unexpected turns the end of a stream inside a frame into an error.
func unexpected(err error, read int) error {
	if errors.Is(err, io.EOF) && read > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readBytes appends n bytes from r to dst. dst grows with what arrives, so a
// length alone costs its sender as much as it costs us.
func readBytes(r io.Reader, dst []byte, n int) ([]byte, error) {
	for n > 0 {
		step := min(n, growBytes)
		dst = grow(dst, step, n)
		start := len(dst)
		dst = dst[:start+step]
		if _, err := io.ReadFull(r, dst[start:]); err != nil {
			return dst[:start], unexpected(err, 1)
		}
		n -= step
	}
	return dst, nil
}

// grow makes room for step more bytes, exactly as much as is missing for the
// first step and at most twice as much as there is for the others.
func grow(dst []byte, step, missing int) []byte {
	if cap(dst)-len(dst) >= step {
		return dst
	}
	room := min(missing, max(step, 2*len(dst)))
	bigger := make([]byte, len(dst), len(dst)+room)
	copy(bigger, dst)
	return bigger
}
