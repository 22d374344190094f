// Package wire reads what peers send without trusting the lengths they
// announce.
package wire

import (
	"cmp"
	"errors"
	"io"

	"github.com/pontoon-raft/pontoon/plugins"
)

// GrowBytes is how much memory an announced length gets before any of its
// bytes has arrived.
const GrowBytes = 1 << 20

// MessageLimit is the largest encoded message, in both directions, of a
// transport that was opened with the limits.
func MessageLimit(l plugins.Limits) int {
	d := plugins.DefaultLimits()
	l.MaxEntryBytes = cmp.Or(l.MaxEntryBytes, d.MaxEntryBytes)
	l.MaxBatchBytes = cmp.Or(l.MaxBatchBytes, d.MaxBatchBytes)
	return l.MaxMessageBytes()
}

// ReadBytes appends n bytes from r to dst, n being within the caller's limit.
// dst grows with what arrives, so a length alone costs its sender as much as
// it costs us. An end before that is io.ErrUnexpectedEOF.
func ReadBytes(r io.Reader, dst []byte, n int) ([]byte, error) {
	for n > 0 {
		step := min(n, GrowBytes)
		dst = Grow(dst, step, n)
		start := len(dst)
		dst = dst[:start+step]
		if _, err := io.ReadFull(r, dst[start:]); err != nil {
			return dst[:start], Unexpected(err, 1)
		}
		n -= step
	}
	return dst, nil
}

// Unexpected turns the end of a stream after some bytes of a frame into
// io.ErrUnexpectedEOF.
func Unexpected(err error, read int) error {
	if errors.Is(err, io.EOF) && read > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Grow makes room for step more bytes, exactly as much as is missing for the
// first step and at most twice as much as there is for the others.
func Grow(dst []byte, step, missing int) []byte {
	if cap(dst)-len(dst) >= step {
		return dst
	}
	room := min(missing, max(step, 2*len(dst)))
	bigger := make([]byte, len(dst), len(dst)+room)
	copy(bigger, dst)
	return bigger
}
