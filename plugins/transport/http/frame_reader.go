package httptransport

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
)

// readBufferBytes is the buffer of one stream's reader. What it holds is
// delivered as one batch.
const readBufferBytes = 128 << 10

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
		return 0, wire.Unexpected(err, len(b))
	}
	n := binary.BigEndian.Uint64(b)
	_, err = r.Discard(8)
	return n, err
}
