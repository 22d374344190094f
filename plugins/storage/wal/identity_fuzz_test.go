package wal

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// FuzzIdentity: an identity file is refused, or is written as it was read.
func FuzzIdentity(f *testing.F) {
	f.Add(identity{owner: owner{cluster: 1, node: 2, group: 3}, store: 4, salt: 5, begun: true}.encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, checked(b)} {
			if id, ok := decodeIdentity(b); ok && !bytes.Equal(id.encode(), b) {
				t.Fatalf("%x became %x", b, id.encode())
			}
		}
	})
}

// checked is b with the checksum that belongs to it, so that more than the checksum
// is tried.
func checked(b []byte) []byte {
	if len(b) < 4 {
		return b
	}
	body := bytes.Clone(b[:len(b)-4])
	return binary.LittleEndian.AppendUint32(body, checksum(body))
}

// FuzzConfig: a config section is refused, or is one within the bounds.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("segment_bytes: 67108864\nmin_free_bytes: 0\n"))
	f.Add([]byte("reserve_bytes: -1"))
	f.Add([]byte("{}\n---\n{}"))
	f.Fuzz(func(t *testing.T, section []byte) {
		c, err := parseConfig(section)
		if err == nil && (c.SegmentBytes < minSegmentBytes || c.SegmentBytes > maxSegmentBytes || c.reserveBytes() < 0) {
			t.Fatalf("%q gives %+v", section, c)
		}
	})
}
