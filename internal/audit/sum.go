package audit

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
)

// ErrKey is matched by the errors of ReadKey and NewKey: the key cannot be
// read, or has a length that no key has. Scanning a file whose sums need a key
// returns it when none is given.
var ErrKey = errors.New("audit key")

// Bounds of a key.
const (
	minKeyBytes = 16
	maxKeyBytes = 1024
)

// A Key makes sums that cannot be made without it.
type Key struct {
	// ID tells keys apart, and says nothing of what they are. It is empty if
	// there is no key.
	ID    string
	bytes []byte
}

// ReadKey reads the key in a file: its bytes, without line ends after them.
func ReadKey(path string) (Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return Key{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxKeyBytes+2))
	if err != nil {
		return Key{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	k, err := NewKey(bytes.TrimRight(b, "\r\n"))
	if err != nil {
		return Key{}, fmt.Errorf("%w; %s can be made with: openssl rand -hex 32", err, path)
	}
	return k, nil
}

// NewKey is the key of these bytes.
func NewKey(b []byte) (Key, error) {
	if len(b) < minKeyBytes || len(b) > maxKeyBytes {
		return Key{}, fmt.Errorf("%w: it has %d bytes, and may have from %d to %d", ErrKey, len(b), minKeyBytes, maxKeyBytes)
	}
	id := sha256.Sum256(append([]byte("pontoon audit key\n"), b...))
	return Key{hex.EncodeToString(id[:8]), bytes.Clone(b)}, nil
}

// A summer makes the sums of lines. It is for one goroutine.
type summer struct{ h hash.Hash }

func newSummer(k Key) *summer {
	if k.ID == "" {
		return &summer{sha256.New()}
	}
	return &summer{hmac.New(sha256.New, k.bytes)}
}

// sum is that of the part of a line before its own sum.
func (s *summer) sum(b []byte) (out [32]byte) {
	s.h.Reset()
	s.h.Write(b)
	s.h.Sum(out[:0])
	return out
}
