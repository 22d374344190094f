package snapfile

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/corruption"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

const (
	// version is the one that is written. Files of versionWhole are read: they have the
	// SHA-256 of the whole file before the trailer, so that of their content is not known.
	version      = 2
	versionWhole = 1

	magic     = "PONTSNP\x01"
	endMark   = "PSND"
	headBytes = 40
	tailBytes = 48
	// maxMetadataBytes bounds what is read before the SHA-256 is known.
	maxMetadataBytes = 1 << 20

	partSuffix = ".part"
)

// The suffixes of finished snapshots.
const (
	// visibleSuffix is that of a snapshot of the log.
	visibleSuffix = ".snap"
	// receivedSuffix is that of one that waits for its installation.
	receivedSuffix = ".recv"
)

// fileName is what a snapshot's file name says.
type fileName struct {
	Index, Term uint64
	// Suffix is visibleSuffix or receivedSuffix.
	Suffix string
}

// String is the file's name.
func (n fileName) String() string {
	return fmt.Sprintf("%016x-%016x%s", n.Index, n.Term, n.Suffix)
}

// partName is the name of an unfinished snapshot, the n-th of this process.
func partName(index, term, n uint64) string {
	return fmt.Sprintf("%016x-%016x-%d%s", index, term, n, partSuffix)
}

// IsSnapshot reports whether a file of this name is a finished snapshot, visible or
// received. A backend asks it about the files of a directory without an identity.
func IsSnapshot(name string) bool {
	_, ok := parseName(name)
	return ok
}

// parseName accepts visible and received snapshots.
func parseName(name string) (fileName, bool) {
	for _, suffix := range []string{visibleSuffix, receivedSuffix} {
		digits, ok := strings.CutSuffix(name, suffix)
		if !ok || len(digits) != 33 || digits[16] != '-' {
			continue
		}
		index, err1 := strconv.ParseUint(digits[:16], 16, 64)
		term, err2 := strconv.ParseUint(digits[17:], 16, 64)
		n := fileName{Index: index, Term: term, Suffix: suffix}
		return n, err1 == nil && err2 == nil && n.String() == name
	}
	return fileName{}, false
}

// isPart reports whether name is that of an unfinished snapshot.
func isPart(name string) bool {
	digits, ok := strings.CutSuffix(name, partSuffix)
	if !ok || len(digits) < 35 || digits[33] != '-' {
		return false
	}
	_, ok = parseName(digits[:33] + visibleSuffix)
	_, err := strconv.ParseUint(digits[34:], 10, 64)
	return ok && err == nil
}

// encodeHead returns header and metadata.
func encodeHead(meta storage.SnapshotMetadata) ([]byte, error) {
	m, err := meta.Marshal()
	if err != nil {
		return nil, err
	}
	if len(m) > maxMetadataBytes {
		return nil, fmt.Errorf("snapshot metadata of %d bytes", len(m))
	}
	le := binary.LittleEndian
	b := append(make([]byte, 0, headBytes+len(m)), magic...)
	b = le.AppendUint32(b, version)
	b = le.AppendUint32(b, uint32(len(m)))
	b = le.AppendUint64(b, meta.Index)
	b = le.AppendUint64(b, meta.Term)
	b = le.AppendUint32(b, checksum(b))
	b = le.AppendUint32(b, 0)
	return append(b, m...), nil
}

// fixed is the fixed part of a header.
type fixed struct {
	version     uint32
	index, term uint64
	metadata    int64 // its length
}

// decodeHead checks the fixed part of the header.
func decodeHead(b []byte) (f fixed, err error) {
	le := binary.LittleEndian
	if len(b) != headBytes || string(b[:8]) != magic || le.Uint32(b[32:]) != checksum(b[:32]) || le.Uint32(b[36:]) != 0 {
		return fixed{}, errors.New("it has no valid header")
	}
	f = fixed{version: le.Uint32(b[8:]), index: le.Uint64(b[16:]), term: le.Uint64(b[24:]), metadata: int64(le.Uint32(b[12:]))}
	switch {
	case f.version != version && f.version != versionWhole:
		return fixed{}, fmt.Errorf("it has format version %d, and %d and %d are known", f.version, versionWhole, version)
	case f.metadata > maxMetadataBytes:
		return fixed{}, fmt.Errorf("its metadata has %d bytes", f.metadata)
	}
	return f, nil
}

// A tail is a trailer.
type tail struct {
	size uint64 // of the content
	sum  [sha256.Size]byte
}

// encode returns the trailer of a file with that head.
func (t tail) encode(head []byte) []byte {
	le := binary.LittleEndian
	b := le.AppendUint64(make([]byte, 0, tailBytes), t.size)
	b = append(b, t.sum[:]...)
	b = le.AppendUint32(b, checksum(head, b))
	return append(b, endMark...)
}

// decodeTail checks the trailer of a file with that head.
func decodeTail(b, head []byte) (t tail, ok bool) {
	le := binary.LittleEndian
	if len(b) != tailBytes || string(b[44:]) != endMark || le.Uint32(b[40:]) != checksum(head, b[:40]) {
		return tail{}, false
	}
	copy(t.sum[:], b[8:])
	t.size = le.Uint64(b)
	return t, true
}

// file is a finished snapshot whose header, metadata and trailer were
// checked.
type file struct {
	name fileName
	info storage.SnapshotInfo
	head int64 // bytes before the content
	sum  [sha256.Size]byte
	// summed is what sum is over before the content: nothing, or header and metadata in a
	// file of versionWhole.
	summed []byte
}

// inspect checks what can be checked without reading the content.
func inspect(f vfs.File, name fileName) (file, error) {
	s := file{name: name}
	length, err := f.Size()
	if err != nil {
		return s, err
	}
	if length < headBytes+tailBytes {
		return s, corruption.At(name.String(), length, "it ends too soon")
	}
	head := make([]byte, headBytes)
	if _, err := f.ReadAt(head, 0); err != nil {
		return s, corruption.Unreadable(name.String(), 0, err)
	}
	h, err := decodeHead(head)
	if err != nil {
		return s, corruption.At(name.String(), 0, "%v", err)
	}
	content := length - headBytes - tailBytes - h.metadata
	if content < 0 {
		return s, corruption.At(name.String(), length, "it ends too soon")
	}
	head = append(head, make([]byte, h.metadata)...)
	if _, err := f.ReadAt(head[headBytes:], headBytes); err != nil && h.metadata > 0 {
		return s, corruption.Unreadable(name.String(), headBytes, err)
	}
	end := make([]byte, tailBytes)
	if _, err := f.ReadAt(end, length-tailBytes); err != nil {
		return s, corruption.Unreadable(name.String(), length-tailBytes, err)
	}
	if !s.ends(h, head, end) || s.info.Bytes != uint64(content) {
		return s, corruption.At(name.String(), length-tailBytes, "it has no valid trailer")
	}
	meta := &s.info.Metadata
	if err := meta.Unmarshal(head[headBytes:]); err != nil {
		return s, corruption.At(name.String(), headBytes, "its metadata: %v", err)
	}
	if h.index != name.Index || h.term != name.Term || meta.Index != h.index || meta.Term != h.term {
		return s, corruption.At(name.String(), 0, "it says index %d, term %d, and index %d, term %d", h.index, h.term, meta.Index, meta.Term)
	}
	return s, nil
}

// ends takes from the trailer what it says, and tells whether it fits the header and the
// metadata, which are head.
func (s *file) ends(h fixed, head, end []byte) bool {
	s.head = int64(len(head))
	covered := head
	if h.version == versionWhole {
		covered, s.summed = nil, head
	}
	t, ok := decodeTail(end, covered)
	s.info.Bytes, s.sum = t.size, t.sum
	if h.version != versionWhole {
		s.info.Sha256 = t.sum[:]
	}
	return ok
}

// checksum is the CRC of the parts, one after the other.
func checksum(parts ...[]byte) (sum uint32) {
	for _, p := range parts {
		sum = crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), p)
	}
	return sum
}
