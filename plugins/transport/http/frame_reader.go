package httptransport

import (
	"bufio"
	"encoding/binary"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
)

// readBufferBytes is the buffer of one stream's reader. The messages in it are
// delivered as one batch.
const readBufferBytes = 128 << 10

// A frameReader decodes one stream. next returns nil, nil for link
// heartbeats. complete reports whether next can answer without reading from
// the connection.
type frameReader interface {
	next() ([]byte, *raftmsg.Shape, error)
	complete() bool
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
