package core

import (
	"errors"
	"fmt"
	"io"

	"github.com/pontoon-raft/pontoon/internal/node"
)

// errNotAnnounced: a snapshot is another one than its sender has announced: it has another
// length, or another sum.
var errNotAnnounced = errors.New("snapshot is not as its sender announced it")

// A wholeReader reads a snapshot that arrives, of a length that the sending host has
// announced in a message of its own, which transports carry without a look into it. It
// ends with io.EOF only at that length: a transport that ends a snapshot early, and
// vouches for it, is not believed.
type wholeReader struct {
	r         io.Reader
	announced uint64
	got       uint64
}

// announcedWhole returns r so that it is read to its announced length, which begins at the
// announced offset. A host of an earlier build announces none: its snapshot is what the
// transport says. The transport's own word, said, is 0 if it has none, and else must be the
// same.
func announcedWhole(said uint64, a node.Announcement, r io.Reader) (io.Reader, error) {
	rest := a.Bytes - a.Offset
	switch {
	case a.Bytes == 0:
		return r, nil
	case said != 0 && said != rest:
		return nil, fmt.Errorf("%w: %d bytes, and %d by the transport", errNotAnnounced, rest, said)
	}
	return &wholeReader{r: r, announced: rest}, nil
}

// Read implements io.Reader.
func (w *wholeReader) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	w.got += uint64(n)
	switch {
	case w.got > w.announced:
		return 0, fmt.Errorf("%w: more than %d bytes", errNotAnnounced, w.announced)
	case errors.Is(err, io.EOF) && w.got < w.announced:
		return n, fmt.Errorf("%w: it ended after %d of %d bytes: %w", errNotAnnounced, w.got, w.announced, io.ErrUnexpectedEOF)
	}
	return n, err
}
