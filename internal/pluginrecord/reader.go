package pluginrecord

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
)

// magic is what a file begins with.
const magic = "pontoon-plugin-record/1\n"

const (
	// frameBytes are the length and the checksum before an event.
	frameBytes = 8
	// maxEventBytes bounds an event: the largest message of a plugin's connection, and what
	// is around it.
	maxEventBytes = pluginrpc.MaxMessageBytes + 64<<10
)

var (
	// ErrNoRecord: the file is not a record.
	ErrNoRecord = errors.New("it is not a record of a plugin")
	// ErrCut: the file ends within an event or before its header, as that of a host does that was
	// killed. So an empty file is one.
	ErrCut = errors.New("the record is cut off")
	// ErrDamaged: the bytes of the file are not those that were written.
	ErrDamaged = errors.New("the record is damaged")
)

func checksum() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// A Reader reads the events of one file.
type Reader struct {
	in     *bufio.Reader
	table  *crc32.Table
	offset int64
	header Event
	err    error
}

// NewReader reads the header. The error is ErrNoRecord, ErrCut or ErrDamaged, or that of in.
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{in: bufio.NewReaderSize(in, 256<<10), table: checksum()}
	begin := make([]byte, len(magic))
	n, err := io.ReadFull(r.in, begin)
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, err
	case string(begin[:n]) != magic[:n]:
		return nil, ErrNoRecord
	case err != nil:
		return nil, fmt.Errorf("%w at byte %d, before its header", ErrCut, n)
	}
	r.offset = int64(n)
	if r.header, err = r.Next(); errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w at byte %d, before its header", ErrCut, n)
	} else if err != nil {
		return nil, err
	}
	if r.header.Kind != Header {
		return nil, fmt.Errorf("%w: it begins with %v", ErrDamaged, r.header.Kind)
	}
	return r, nil
}

// Header is what the file begins with.
func (r *Reader) Header() Event { return r.header }

// Offset is where the next event begins.
func (r *Reader) Offset() int64 { return r.offset }

// Next returns the next event, which is the caller's. At the end it is io.EOF. An ErrCut or an
// ErrDamaged says at which byte, and all before it was read.
func (r *Reader) Next() (Event, error) {
	if r.err != nil {
		return Event{}, r.err
	}
	e, n, err := r.next()
	if err != nil {
		r.err = err
		return Event{}, err
	}
	r.offset += n
	return e, nil
}

func (r *Reader) next() (Event, int64, error) {
	var frame [frameBytes]byte
	if n, err := io.ReadFull(r.in, frame[:]); n == 0 && errors.Is(err, io.EOF) {
		return Event{}, 0, io.EOF
	} else if err != nil {
		return Event{}, 0, r.broken(err)
	}
	length, sum := binary.LittleEndian.Uint32(frame[:]), binary.LittleEndian.Uint32(frame[4:])
	if length == 0 || length > maxEventBytes {
		return Event{}, 0, r.damaged("an event of %d bytes, and there are from 1 to %d", length, maxEventBytes)
	}
	// The length is believed as far as there are bytes.
	var body bytes.Buffer
	body.Grow(int(min(length, 64<<10)))
	if _, err := io.CopyN(&body, r.in, int64(length)); err != nil {
		return Event{}, 0, r.broken(err)
	}
	if is := crc32.Checksum(body.Bytes(), r.table); is != sum {
		return Event{}, 0, r.damaged("the checksum of the event is %08x, and should be %08x", is, sum)
	}
	e, err := decode(body.Bytes())
	if err != nil {
		return Event{}, 0, r.damaged("%v", err)
	}
	return e, frameBytes + int64(length), nil
}

func (r *Reader) broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w within the event at byte %d", ErrCut, r.offset)
	}
	return err
}

func (r *Reader) damaged(format string, args ...any) error {
	return fmt.Errorf("%w at byte %d: %s", ErrDamaged, r.offset, fmt.Sprintf(format, args...))
}
