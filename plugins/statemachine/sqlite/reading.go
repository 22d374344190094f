package sqlite

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"hash"
	"io"
	"math"
)

// readBody grows with what is there, and not with what a length says.
func readBody(r io.Reader, into []byte, n int) ([]byte, error) {
	b := bytes.NewBuffer(into)
	_, err := io.CopyN(b, r, int64(n))
	return b.Bytes(), err
}

// takeValue reads one value of a row.
func takeValue(b []byte) (value any, rest []byte, err error) {
	if len(b) == 0 {
		return nil, nil, bad("a row has too few values")
	}
	kind, b := b[0], b[1:]
	switch kind {
	case valueNull:
		return nil, b, nil
	case valueInteger:
		if v, n := binary.Varint(b); n > 0 {
			return v, b[n:], nil
		}
	case valueReal:
		if len(b) >= 8 {
			return math.Float64frombits(binary.LittleEndian.Uint64(b)), b[8:], nil
		}
	case valueText, valueBlob:
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) {
			break
		}
		raw, rest := b[used:used+int(n)], b[used+int(n):]
		if kind == valueText {
			return string(raw), rest, nil
		}
		return raw, rest, nil
	}
	return nil, nil, bad("a value is damaged")
}

// source remembers an error of what it reads from: that is not one of the snapshot.
type source struct {
	r      io.Reader
	failed error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.failed = err
	}
	return n, err
}

// counted counts and hashes what is read.
type counted struct {
	r *bufio.Reader
	h hash.Hash
	n uint64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.h.Write(p[:n])
	c.n += uint64(n)
	return n, err
}

func (c *counted) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.h.Write([]byte{b})
		c.n++
	}
	return b, err
}
