package httptransport

import (
	"bufio"
	"encoding/binary"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
)

// The message stream: an 8-byte big-endian length, then an encoded Message.

// messageHeartbeat is the link heartbeat of the message stream: a MsgHeartbeat
// from 0 to 0, in the shortest encoding.
const messageHeartbeat = "\x00\x00\x00\x00\x00\x00\x00\x02\x08\x08"

// messageEncoder is the sending end of a message stream.
type messageEncoder struct{}

func (messageEncoder) header(dst, payload []byte) ([]byte, bool, error) {
	return binary.BigEndian.AppendUint64(dst, uint64(len(payload))), true, nil
}

func (messageEncoder) heartbeat(dst []byte) []byte { return append(dst, messageHeartbeat...) }

// messageDecoder is the receiving end of a message stream.
type messageDecoder struct {
	r     *bufio.Reader
	link  raftmsg.Link
	limit int
	shape raftmsg.Shape
}

func (d *messageDecoder) next() ([]byte, *raftmsg.Shape, error) {
	payload, err := readFrame(d.r, d.limit)
	if err != nil {
		return nil, nil, err
	}
	if d.shape, err = raftmsg.Scan(payload); err != nil {
		return nil, nil, fmt.Errorf("message frame: %w", err)
	}
	if d.shape.LinkHeartbeat() {
		return nil, nil, nil
	}
	if err := d.link.Check(&d.shape); err != nil {
		return nil, nil, fmt.Errorf("message frame: %w", err)
	}
	return payload, &d.shape, nil
}

// readFrame reads a length and that many bytes.
func readFrame(r *bufio.Reader, limit int) ([]byte, error) {
	n, err := readLength(r, limit)
	if err != nil {
		return nil, err
	}
	return wire.ReadBytes(r, nil, n)
}

func (d *messageDecoder) complete() bool { return frameBuffered(d.r, 0) }

// frameBuffered reports whether a length at offset at and all the bytes it
// announces are in r's buffer.
func frameBuffered(r *bufio.Reader, at int) bool {
	have := r.Buffered()
	if have < at+8 {
		return false
	}
	b, err := r.Peek(at + 8)
	return err == nil && binary.BigEndian.Uint64(b[at:]) <= uint64(have-at-8)
}
