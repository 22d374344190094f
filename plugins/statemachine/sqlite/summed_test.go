package sqlite

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
)

// summedBuffer makes a snapshot of any records, with the right length and checksum.
type summedBuffer struct{ bytes.Buffer }

func (b *summedBuffer) write(parts ...[]byte) {
	for _, part := range parts {
		b.Write(part)
	}
}

func (b *summedBuffer) whole() []byte {
	_ = binary.Write(b, binary.LittleEndian, uint64(b.Len()))
	sum := sha256.Sum256(b.Bytes())
	return append(b.Bytes(), sum[:]...)
}
