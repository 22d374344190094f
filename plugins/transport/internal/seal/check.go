// Package seal makes sure that a snapshot ends as it should: with as many bytes as
// were announced, and with their SHA-256.
package seal

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// ErrDamaged: a snapshot did not arrive as it was sent. The last Read of a
// received snapshot returns it instead of io.EOF.
var ErrDamaged = errors.New("snapshot was damaged on its way")

// A Check follows a snapshot that arrives. It belongs to one goroutine.
type Check struct {
	size uint64 // announced; 0 if not
	got  uint64
	hash hash.Hash
}

// NewCheck returns the check of a snapshot of which size bytes are announced; 0 if
// no size is.
func NewCheck(size uint64) *Check { return &Check{size: size, hash: sha256.New()} }

// Took takes what has arrived. More than was announced is ErrDamaged.
func (c *Check) Took(b []byte) error {
	c.got += uint64(len(b))
	c.hash.Write(b)
	if c.size > 0 && c.got > c.size {
		return fmt.Errorf("%w: more than %d bytes", ErrDamaged, c.size)
	}
	return nil
}

// Got is how many bytes have arrived.
func (c *Check) Got() uint64 { return c.got }

// End judges the end of a snapshot whose sender gives no checksum. It returns
// io.EOF if all is well, and ErrDamaged otherwise.
func (c *Check) End() error {
	if c.size > 0 && c.got != c.size {
		return fmt.Errorf("%w: %d bytes of %d: %w", ErrDamaged, c.got, c.size, io.ErrUnexpectedEOF)
	}
	return io.EOF
}

// EndWith judges the end like End. sum is the checksum that the sender gave, in
// hexadecimal as Source.Sum writes it.
func (c *Check) EndWith(sum string) error {
	if err := c.End(); !errors.Is(err, io.EOF) {
		return err
	}
	if sum != hex.EncodeToString(c.hash.Sum(nil)) {
		return fmt.Errorf("%w: checksum", ErrDamaged)
	}
	return io.EOF
}

// Finish makes sure that a snapshot which the host has accepted had ended well,
// even if the host did not read its very end: r ends with io.EOF only then.
func Finish(r io.Reader) error {
	var probe [1]byte
	n, err := r.Read(probe[:])
	if n > 0 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: accepted before its end: %w", ErrDamaged, err)
	}
	return nil
}
