package pebble

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/identity"
)

// FuzzRecords: the value of a key is refused, or is written as it was read. The
// checksum is made right, so that more than the checksum is tried.
func FuzzRecords(f *testing.F) {
	e := storage.Entry{Index: 3, Term: 2, Data: []byte("data")}
	f.Add(entryKey(3), appendEntry(nil, entryKey(3), &e))
	f.Add([]byte(hardKey), encodeHard(storage.HardState{Term: 1, Vote: 2, Commit: 3}))
	f.Add([]byte(startKey), encodeStart(4, 5))
	f.Add([]byte("m/identity"), format().Encode(identity.Identity{Owner: identity.Owner{Cluster: 1, Node: 2, Group: 3}, Store: 4, Begun: true}))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if len(value) >= crcBytes {
			value = bytes.Clone(value)
			seal(key, value)
		}
		if e, ok := decodeEntry(key, value); ok && !bytes.Equal(appendEntry(nil, entryKey(e.Index), &e), value) {
			t.Fatalf("entry %+v of %x", e, value)
		}
		if hs, ok := decodeHard(value); ok && !bytes.Equal(encodeHard(hs), value) {
			t.Fatalf("hard state %+v of %x", hs, value)
		}
		if index, term, ok := decodeStart(value); ok && !bytes.Equal(encodeStart(index, term), value) {
			t.Fatalf("start (%d, %d) of %x", index, term, value)
		}
		if n := len(value) - 4; n > 0 {
			binary.LittleEndian.PutUint32(value[n:], crc32.Checksum(value[:n], crc32.MakeTable(crc32.Castagnoli)))
		}
		if id, ok := format().Decode(value); ok && !bytes.Equal(format().Encode(id), value) {
			t.Fatalf("identity %+v of %x", id, value)
		}
	})
}

// FuzzConfig: a config section is refused, or is one within the bounds.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("memtable_bytes: 67108864\nmin_free_bytes: 0\n"))
	f.Add([]byte("cache_bytes: -1"))
	f.Fuzz(func(t *testing.T, section []byte) {
		c, err := parseConfig(section)
		if err == nil && (c.MemtableBytes < minBytes || c.MemtableBytes > maxBytes || c.CacheBytes < minBytes || c.CacheBytes > maxBytes) {
			t.Fatalf("%q gives %+v", section, c)
		}
	})
}
