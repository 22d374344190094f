package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// FuzzSnapshot: a snapshot that is taken is saved alike, and no other length or beginning
// is taken. Its checksum is made right, so that more than that is tried.
func FuzzSnapshot(f *testing.F) {
	var saved bytes.Buffer
	if err := (snapshot{applied: 7, value: -5}).Save(f.Context(), &saved); err != nil {
		f.Fatal(err)
	}
	f.Add(saved.Bytes())
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := decodeSnapshot(raw); err == nil && len(raw) != snapshotBytes {
			t.Fatalf("%x is taken", raw)
		}
		if len(raw) < 4 {
			return
		}
		body := bytes.Clone(raw[:len(raw)-4])
		summed := binary.LittleEndian.AppendUint32(body, crc32.ChecksumIEEE(body))
		s, err := decodeSnapshot(summed)
		if err != nil {
			if len(raw) == snapshotBytes && string(raw[:len(magic)]) == magic {
				t.Fatalf("%x is refused: %v", summed, err)
			}
			return
		}
		var again bytes.Buffer
		if err := snapshot(s).Save(t.Context(), &again); err != nil || !bytes.Equal(again.Bytes(), summed) {
			t.Fatalf("%x is saved as %x: %v", summed, again.Bytes(), err)
		}
	})
}
