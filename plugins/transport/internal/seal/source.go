package seal

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/pontoon-raft/pontoon/plugins"
)

// A Source is a snapshot as its sender reads it. It belongs to one goroutine.
type Source struct {
	r    io.Reader
	size uint64 // that it must have; 0 if that is not known
	read uint64
	hash hash.Hash
}

// NewSource returns a source that reads r, which must have size bytes; 0 if that is
// not known.
func NewSource(r io.Reader, size uint64) *Source {
	return &Source{r: r, size: size, hash: sha256.New()}
}

// Read implements io.Reader. It ends with io.EOF itself. A reader of another size is
// plugins.ErrInvalidArgument.
func (s *Source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.read += uint64(n)
	s.hash.Write(p[:n])
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return n, err
	case s.size > 0 && s.read > s.size:
		return n, fmt.Errorf("%w: snapshot is longer than %d bytes", plugins.ErrInvalidArgument, s.size)
	case err == nil:
		return n, nil
	case s.size > 0 && s.read != s.size:
		return n, fmt.Errorf("%w: snapshot has %d bytes instead of %d", plugins.ErrInvalidArgument, s.read, s.size)
	}
	return n, io.EOF
}

// Sum is the checksum of all that was read, in hexadecimal.
func (s *Source) Sum() string { return hex.EncodeToString(s.hash.Sum(nil)) }

// AppendSum appends the same checksum as bytes.
func (s *Source) AppendSum(b []byte) []byte { return s.hash.Sum(b) }
