package chunksum

import (
	"hash/crc32"
	"testing"
)

// However a text is cut, its sum is the same: that of the whole text.
func TestTheSumOfChunksIsThatOfTheWhole(t *testing.T) {
	const text = "123456789"
	for cut := range len(text) + 1 {
		var s Sum
		s.Add([]byte(text[:cut]))
		s.Add([]byte(text[cut:]))
		if want := crc32.ChecksumIEEE([]byte(text)); s.Bytes() != 9 || s.CRC32() != want || want != 0xcbf43926 {
			t.Errorf("cut at %d: %d bytes and %08x, want 9 and cbf43926", cut, s.Bytes(), s.CRC32())
		}
	}
}
