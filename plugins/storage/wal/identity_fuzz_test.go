package wal

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/storage/identity"
)

// FuzzIdentity: an identity file is refused, or is written as it was read.
func FuzzIdentity(f *testing.F) {
	f.Add(format().Encode(identity.Identity{Owner: identity.Owner{Cluster: 1, Node: 2, Group: 3}, Store: 4, Salt: 5, Begun: true}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, checked(b)} {
			if id, ok := format().Decode(b); ok && !bytes.Equal(format().Encode(id), b) {
				t.Fatalf("%x became %x", b, format().Encode(id))
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
