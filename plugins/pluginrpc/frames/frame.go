package frames

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
)

// preface is what a connection begins with.
const preface = "pontoon-frames/1\n"

// kind is what a frame is.
type kind byte

const (
	kindOpen    kind = 1
	kindMessage kind = 2
	kindEnd     kind = 3
	kindStatus  kind = 4
)

const (
	headerBytes = 5
	// maxControl bounds the payload of open and status.
	maxControl = 64 << 10
	// readBuffer is that of a connection. Frames that fit it are decoded where
	// they lie.
	readBuffer = 64 << 10
	// maxKept is the largest buffer that a connection keeps between frames.
	maxKept = 1 << 20
)

// errTooLarge: a frame is over the limit of its kind.
var errTooLarge = errors.New("frame is too large")

// errMalformed: a frame that no honest peer sends.
var errMalformed = errors.New("malformed frame")

// frameReader reads frames. It is used by one goroutine at a time.
type frameReader struct {
	r          *bufio.Reader
	maxMessage int
	lying      int    // bytes of the last payload that still lie in r
	kept       []byte // for payloads that do not fit r's buffer
}

func newFrameReader(r io.Reader, maxMessage int) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, readBuffer), maxMessage: maxMessage}
}

// next returns the next frame. The payload is valid until the next call. The
// error is io.EOF only if the connection ended between two frames.
func (f *frameReader) next() (kind, []byte, error) {
	if cap(f.kept) > maxKept {
		f.kept = nil
	}
	if f.lying > 0 {
		_, _ = f.r.Discard(f.lying) // cannot fail: that many were peeked
		f.lying = 0
	}
	header, err := f.r.Peek(headerBytes)
	if err != nil {
		if len(header) > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	size, k := binary.BigEndian.Uint32(header), kind(header[4])
	if err := f.check(k, size); err != nil {
		return 0, nil, err
	}
	_, _ = f.r.Discard(headerBytes)
	payload, err := f.payload(int(size))
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return k, payload, err
}

// check refuses a frame before anything is allocated for it.
func (f *frameReader) check(k kind, size uint32) error {
	var most int
	switch k {
	case kindOpen, kindStatus:
		most = maxControl
	case kindMessage:
		most = f.maxMessage
	case kindEnd:
	default:
		return fmt.Errorf("%w: kind %d", errMalformed, k)
	}
	if uint64(size) > uint64(most) {
		return fmt.Errorf("%w: kind %d of %d bytes, at most %d", errTooLarge, k, size, most)
	}
	return nil
}

func (f *frameReader) payload(size int) ([]byte, error) {
	if size <= f.r.Size() {
		payload, err := f.r.Peek(size)
		f.lying = len(payload)
		return payload, err
	}
	if cap(f.kept) < size {
		f.kept = make([]byte, size)
	}
	payload := f.kept[:size]
	_, err := io.ReadFull(f.r, payload)
	return payload, err
}

// frameWriter writes frames, each with one Write. Its methods may be called
// concurrently.
type frameWriter struct {
	w          io.Writer
	maxMessage int

	mu   sync.Mutex
	kept []byte
}

// message writes m, which may be reused when it returns.
func (f *frameWriter) message(m pluginrpc.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	size := m.Size()
	if size > f.maxMessage {
		return fmt.Errorf("%w: %T of %d bytes, at most %d", errTooLarge, m, size, f.maxMessage)
	}
	buf := f.room(size)
	if n, err := m.MarshalToSizedBuffer(buf[headerBytes:]); err != nil || n != size {
		return fmt.Errorf("%w: %T: %d of %d bytes: %w", errEncoding, m, n, size, err)
	}
	putHeader(buf, kindMessage)
	_, err := f.w.Write(buf)
	if cap(f.kept) > maxKept {
		f.kept = nil
	}
	return err
}

// control writes prefix, and then a frame that does not carry a message.
func (f *frameWriter) control(prefix string, k kind, payload []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	buf := append([]byte(prefix), make([]byte, headerBytes)...)
	buf = append(buf, payload...)
	putHeader(buf[len(prefix):], k)
	_, err := f.w.Write(buf)
	return err
}

// room returns a buffer for a frame with a payload of size bytes.
func (f *frameWriter) room(size int) []byte {
	need := headerBytes + size
	if cap(f.kept) < need {
		f.kept = make([]byte, need)
	}
	return f.kept[:need]
}

// putHeader makes buf, which has room for it, a frame of kind k.
func putHeader(buf []byte, k kind) {
	binary.BigEndian.PutUint32(buf, uint32(len(buf)-headerBytes))
	buf[4] = byte(k)
}
