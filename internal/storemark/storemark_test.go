package storemark

import (
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// TestBackend: the format after the mark does not matter.
func TestBackend(t *testing.T) {
	for mark, want := range map[string]string{
		"PONTWAL\x02 and more": "wal", "PONTWAL\x07": "wal", "PONTPEB\x01": "pebble", "PONTMEM\x01": "memory",
		"PONTXYZ\x01": "", "PONTWAL": "", "": "", "xxxxxxxxxxxx": "",
	} {
		if got := Backend([]byte(mark)); got != want {
			t.Errorf("%q is of %q, want %q", mark, got, want)
		}
	}
}

func TestBackendOfFiles(t *testing.T) {
	for name, want := range map[string]string{
		"db": "pebble", "0000000000000001.log": "wal", "1.log": "", "000000000000000x.log": "", "notes": "", "0000000000000001-0000000000000001.snap": "",
	} {
		if got := BackendOfFiles([]string{"LOCK", name}); got != want {
			t.Errorf("%q is of %q, want %q", name, got, want)
		}
	}
}

// TestIsWhole: no changed bit and no cut makes another whole one.
func TestIsWhole(t *testing.T) {
	text := []byte("PONTWAL\x01 and more")
	whole := binary.LittleEndian.AppendUint32(text, crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)))
	if !IsWhole(whole) {
		t.Error("a whole one is not")
	}
	for i := range whole {
		if IsWhole(whole[:i]) {
			t.Errorf("%d bytes of it are whole", i)
		}
		whole[i] ^= 1
		if IsWhole(whole) {
			t.Errorf("with byte %d changed it is whole", i)
		}
		whole[i] ^= 1
	}
}
