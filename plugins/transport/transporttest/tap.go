package transporttest

import (
	"io"
	"sync"
)

// A tap lets a first part of a reader through, and once it is open the rest, or
// an error.
type tap struct {
	first   int64
	waiting chan struct{} // closed when a read waits for the tap to open
	wait    sync.Once
	opened  chan struct{}
	once    sync.Once
	err     error // instead of the rest; before opened is closed
}

func newTap(first int64) *tap {
	return &tap{first: first, waiting: make(chan struct{}), opened: make(chan struct{})}
}

func (t *tap) open() { t.fail(nil) }

// fail opens the tap for err alone, if it isn't nil. Only the first counts.
func (t *tap) fail(err error) {
	t.once.Do(func() {
		t.err = err
		close(t.opened)
	})
}

func (t *tap) wrap(r io.Reader) io.Reader { return &tapReader{tap: t, r: r, left: t.first} }

type tapReader struct {
	tap  *tap
	r    io.Reader
	left int64
}

func (r *tapReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		r.tap.wait.Do(func() { close(r.tap.waiting) })
		<-r.tap.opened
		if r.tap.err != nil {
			return 0, r.tap.err
		}
		return r.r.Read(p)
	}
	n, err := r.r.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	return n, err
}
