package snapfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
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

// wholeFile is a file of version 2 with a content.
func wholeFile(t testing.TB, meta storage.SnapshotMetadata, content string) []byte {
	head, err := encodeHead(meta)
	if err != nil {
		t.Fatal(err)
	}
	end := tail{uint64(len(content)), sha256.Sum256([]byte(content))}.encode(head)
	return slices.Concat(head, []byte(content), end)
}

// fileOfVersion1 is one as it was written before the SHA-256 was that of the content.
func fileOfVersion1(t testing.TB, meta storage.SnapshotMetadata, content string) []byte {
	head, err := encodeHead(meta)
	if err != nil {
		t.Fatal(err)
	}
	withVersion(head, versionWhole)
	body := append(head, content...)
	return append(body, tail{uint64(len(content)), sha256.Sum256(body)}.encode(nil)...)
}

func withVersion(b []byte, v uint32) {
	binary.LittleEndian.PutUint32(b[8:], v)
	binary.LittleEndian.PutUint32(b[32:], checksum(b[:32]))
}

// openBytes inspects b as a snapshot, and reads its content.
func openBytes(t testing.TB, b []byte) (s file, content string, err error) {
	name := fileName{Index: 7, Term: 2, Suffix: visibleSuffix}
	f, err := vfs.MemOf(map[string][]byte{name.String(): b}).Open(name.String())
	if err != nil {
		t.Fatal(err)
	}
	if s, err = inspect(f, name); err != nil {
		return s, "", err
	}
	all, err := io.ReadAll(newReader(f, s))
	return s, string(all), err
}

// The sum of a content is known from the trailer. A file of before has none, and is read all
// the same; one of a later version is not, and the error says which version it has. Rule ST-39.
func TestTheSumOfAContent(t *testing.T) {
	meta := storage.SnapshotMetadata{Index: 7, Term: 2, ConfState: storage.ConfState{Voters: []uint64{1, 2, 3}}}
	sum := sha256.Sum256([]byte("content"))
	later := wholeFile(t, meta, "content")
	withVersion(later, version+1)
	for name, c := range map[string]struct {
		file []byte
		sum  []byte
		says string
	}{
		"version 2": {wholeFile(t, meta, "content"), sum[:], ""},
		"version 1": {fileOfVersion1(t, meta, "content"), nil, ""},
		"version 3": {later, nil, "format version 3"},
	} {
		s, content, err := openBytes(t, c.file)
		if c.says != "" {
			if !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v", name, err)
			}
		} else if err != nil || content != "content" || !bytes.Equal(s.info.Sha256, c.sum) || s.info.Bytes != 7 {
			t.Errorf("%s: %q of %d bytes with sum %x: %v", name, content, s.info.Bytes, s.info.Sha256, err)
		}
	}
}

// No bit of a file of either version can change unnoticed. All but the content is checked
// when the store is opened, except for the metadata of version 1.
func TestEveryBitOfASnapshotCounts(t *testing.T) {
	meta := storage.SnapshotMetadata{Index: 7, Term: 2, ConfState: storage.ConfState{Voters: []uint64{1, 2, 3}}}
	for v, whole := range map[int][]byte{1: fileOfVersion1(t, meta, "content"), 2: wholeFile(t, meta, "content")} {
		content := len(whole) - tailBytes - len("content")
		for i := range 8 * len(whole) {
			b := bytes.Clone(whole)
			b[i/8] ^= 1 << (i % 8)
			s, _, err := openBytes(t, b)
			if !errors.Is(err, storage.ErrCorrupt) {
				t.Fatalf("version %d, bit %d: %v", v, i, err)
			}
			if opened := s.info.Metadata.Index != 0; v == 2 && opened && (i/8 < content || i/8 >= content+7) {
				t.Errorf("bit %d is noticed only when the content is read", i)
			}
		}
	}
}

// FuzzSnapshot inspects and reads arbitrary bytes as a snapshot.
func FuzzSnapshot(f *testing.F) {
	meta := storage.SnapshotMetadata{Index: 7, Term: 2, ConfState: storage.ConfState{Voters: []uint64{1, 2, 3}}}
	whole := wholeFile(f, meta, "content")
	f.Add(whole)
	f.Add(fileOfVersion1(f, meta, "content"))
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
