package httptransport

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/fields"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
)

// The entries stream, rafthttp's first framing, which etcd 2.0 speaks:
//
//	count, count × (length, Entry)
//
// All integers are 8 bytes, big-endian; a count of 0 is the heartbeat. A
// stream belongs to one term. Nothing but entries goes over it, so a frame can
// stand only for a MsgApp whose Term and LogTerm are the stream's, and it has
// no commit index: raft's heartbeats bring that, over the pipeline.

var errForeignEntry = errors.New("entry does not belong to the stream")

// entriesEncoder is the sending end of an entries stream. Which messages may
// go over it was decided before (entriesTerm).
type entriesEncoder struct{}

func (entriesEncoder) header(dst, payload []byte) ([]byte, bool, error) {
	s, err := raftmsg.Scan(payload)
	if err != nil {
		return dst, false, err
	}
	return appendEntries(dst, payload, &s), false, nil
}

func (entriesEncoder) heartbeat(dst []byte) []byte { return binary.BigEndian.AppendUint64(dst, 0) }

// entriesDecoder is the receiving end of an entries stream.
type entriesDecoder struct {
	r       *bufio.Reader
	link    raftmsg.Link
	term    uint64
	limit   int
	shape   raftmsg.Shape
	scratch []byte // entries of the frame being read
}

// next rebuilds the message that a frame stands for.
func (d *entriesDecoder) next() ([]byte, *raftmsg.Shape, error) {
	count, err := readUint64(d.r)
	if err != nil || count == 0 {
		return nil, nil, err
	}
	d.scratch = d.scratch[:0]
	first := uint64(0)
	for i := range count {
		before := len(d.scratch)
		d.scratch, err = readEntry(d.r, d.scratch, d.limit)
		if err != nil {
			return nil, nil, wire.Unexpected(err, 1)
		}
		index, err := d.index(d.scratch[before:])
		if err != nil {
			return nil, nil, err
		}
		if i == 0 {
			first = index
		}
		if index == 0 || index != first+i {
			return nil, nil, fmt.Errorf("%w: index %d follows %d others from %d on", errForeignEntry, index, i, first)
		}
	}
	d.shape = raftmsg.Shape{
		Kind: raftmsg.TypeApp, To: d.link.To, From: d.link.From,
		Term: d.term, LogTerm: d.term, Index: first - 1,
	}
	payload := rebuild(&d.shape, d.scratch)
	if cap(d.scratch) > wire.GrowBytes {
		d.scratch = nil
	}
	return payload, &d.shape, nil
}

// index is that of an entry, which is encoded as a field of a Message. After
// an entry of its own term, a leader appends no others.
func (d *entriesDecoder) index(field []byte) (uint64, error) {
	w := fields.Over(field)
	w.Next() // readEntry made it
	term, index, err := raftmsg.EntryPosition(w.Value)
	if err != nil {
		return 0, fmt.Errorf("entries frame: %w", err)
	}
	if term != d.term {
		return 0, fmt.Errorf("%w: entry of term %d on a stream of term %d", errForeignEntry, term, d.term)
	}
	return index, nil
}

func (d *entriesDecoder) complete() bool {
	b, err := d.r.Peek(d.r.Buffered())
	if err != nil || len(b) < 8 {
		return false
	}
	_, whole := skipEntries(b)
	return whole
}
