package snapfile

import (
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

func TestFileNames(t *testing.T) {
	for _, suffix := range []string{visibleSuffix, receivedSuffix} {
		want := fileName{Index: 1 << 63, Term: 3, Suffix: suffix}
		if got, ok := parseName(want.String()); !ok || got != want {
			t.Errorf("%q is %+v, %v", want, got, ok)
		}
	}
	for _, name := range []string{"LOCK", "x.tmp", "notes.part", "1-1.snap", "0000000000000001.log", "../0000000000000001-0000000000000001.snap"} {
		if _, ok := parseName(name); ok || isPart(name) {
			t.Errorf("%q is taken for one of ours", name)
		}
	}
	if !isPart(partName(5, 6, 7)) {
		t.Error("an unfinished file is not recognised")
	}
}

// FuzzSnapshot inspects and reads arbitrary bytes as a snapshot.
func FuzzSnapshot(f *testing.F) {
	meta := storage.SnapshotMetadata{Index: 7, Term: 2, ConfState: storage.ConfState{Voters: []uint64{1, 2, 3}}}
	head, err := encodeHead(meta)
	if err != nil {
		f.Fatal(err)
	}
	whole := append(head, "content"...)
	whole = append(whole, encodeTail(7, sha256.Sum256(whole))...)
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(whole[:headBytes+tailBytes])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		name := fileName{Index: 7, Term: 2, Suffix: visibleSuffix}
		file, err := vfs.MemOf(map[string][]byte{name.String(): b}).Open(name.String())
		if err != nil {
			t.Fatal(err)
		}
		s, err := inspect(file, name)
		if err != nil {
			if !errors.Is(err, storage.ErrCorrupt) {
				t.Fatalf("inspect: %v", err)
			}
			return
		}
		r := newReader(file, s)
		p, total := make([]byte, 5), uint64(0)
		for {
			n, err := r.Read(p)
			total += uint64(n)
			if err != nil {
				break
			}
		}
		if total > s.info.Bytes {
			t.Fatalf("read %d bytes of %d", total, s.info.Bytes)
		}
	})
}
