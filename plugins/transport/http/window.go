package httptransport

import (
	"errors"
	"io"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/seal"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
)

const (
	// partBytes is the most that one part carries, and so what a sender keeps
	// of a snapshot to be able to send it again.
	partBytes = 4 << 20
	// readStep is the most that is read of a snapshot at one time.
	readStep = 64 << 10
)

// A window keeps what has been read of a snapshot and may have to be sent
// again: from what the receiver has on, partBytes at most. The contract gives
// a snapshot as a stream that can be read once.
type window struct {
	// mu is held while source is read: after release it is not read any more.
	mu       sync.Mutex
	source   *seal.Source
	base     uint64 // offset of held[0]
	held     []byte
	err      error // of source; io.EOF at the snapshot's proper end
	released bool
}

func newWindow(r io.Reader, size uint64) *window {
	return &window{source: seal.NewSource(r, size)}
}

// readAt reads from offset on, what is kept first. It ends with io.EOF when
// nothing more fits the part, or when the snapshot has ended; sum is the
// snapshot's checksum then, and empty otherwise.
func (w *window) readAt(offset uint64, buf []byte) (n int, sum string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.released {
		return 0, "", io.ErrClosedPipe
	}
	if offset < w.base || offset > w.base+uint64(len(w.held)) {
		return 0, "", errOver // of a part that is over
	}
	at := int(offset - w.base)
	if at == len(w.held) && w.err == nil && at < partBytes {
		w.fill()
	}
	switch {
	case at < len(w.held):
		return copy(buf, w.held[at:]), "", nil
	case errors.Is(w.err, io.EOF):
		return 0, w.source.Sum(), io.EOF
	case w.err != nil:
		return 0, "", w.err
	default:
		return 0, "", io.EOF
	}
}

// fill reads a little more. It needs w.mu.
func (w *window) fill() {
	start := len(w.held)
	w.held = wire.Grow(w.held, min(readStep, partBytes-start), partBytes-start)
	n, err := w.source.Read(w.held[start:min(cap(w.held), start+readStep)])
	w.held, w.err = w.held[:start+n], err
}

// advance gives up what is before offset. It reports false if the window does
// not reach there: the receiver has less, or more, than it was sent.
func (w *window) advance(offset uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if offset < w.base || offset-w.base > uint64(len(w.held)) {
		return false
	}
	w.held = w.held[:copy(w.held, w.held[offset-w.base:])]
	w.base = offset
	return true
}

// failure is the error of the snapshot's reader, if it had one.
func (w *window) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if errors.Is(w.err, io.EOF) {
		return nil
	}
	return w.err
}

// release waits for a read that is running and ends all later ones.
func (w *window) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.released = true
}
