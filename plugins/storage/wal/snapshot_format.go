package wal

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pontoon-raft/pontoon/internal/vfs"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

const (
	snapshotMagic     = "PONTSNP\x01"
	snapshotEnd       = "PSND"
	snapshotHeadBytes = 40
	snapshotTailBytes = 48
	// maxMetadataBytes bounds what is read before the SHA-256 is known.
	maxMetadataBytes = 1 << 20

	visibleSuffix  = ".snap"
	receivedSuffix = ".recv"
	partSuffix     = ".part"
)

// snapshotName is what a snapshot's file name says.
type snapshotName struct {
	index, term uint64
	suffix      string
}

func (n snapshotName) String() string {
	return fmt.Sprintf("%016x-%016x%s", n.index, n.term, n.suffix)
}

// partName is the name of an unfinished snapshot, the n-th of this process.
func partName(index, term, n uint64) string {
	return fmt.Sprintf("%016x-%016x-%d%s", index, term, n, partSuffix)
}

// parseSnapshotName accepts visible and received snapshots.
func parseSnapshotName(name string) (snapshotName, bool) {
	for _, suffix := range []string{visibleSuffix, receivedSuffix} {
		digits, ok := strings.CutSuffix(name, suffix)
		if !ok || len(digits) != 33 || digits[16] != '-' {
			continue
		}
		index, err1 := strconv.ParseUint(digits[:16], 16, 64)
		term, err2 := strconv.ParseUint(digits[17:], 16, 64)
		n := snapshotName{index: index, term: term, suffix: suffix}
		return n, err1 == nil && err2 == nil && n.String() == name
	}
	return snapshotName{}, false
}

// isPart reports whether name is that of an unfinished snapshot.
func isPart(name string) bool {
	digits, ok := strings.CutSuffix(name, partSuffix)
	if !ok || len(digits) < 35 || digits[33] != '-' {
		return false
	}
	_, ok = parseSnapshotName(digits[:33] + visibleSuffix)
	_, err := strconv.ParseUint(digits[34:], 10, 64)
	return ok && err == nil
}

// encodeSnapshotHead returns header and metadata.
func encodeSnapshotHead(meta storage.SnapshotMetadata) ([]byte, error) {
	m, err := meta.Marshal()
	if err != nil {
		return nil, err
	}
	if len(m) > maxMetadataBytes {
		return nil, fmt.Errorf("snapshot metadata of %d bytes", len(m))
	}
	le := binary.LittleEndian
	b := append(make([]byte, 0, snapshotHeadBytes+len(m)), snapshotMagic...)
	b = le.AppendUint32(b, formatVersion)
	b = le.AppendUint32(b, uint32(len(m)))
	b = le.AppendUint64(b, meta.Index)
	b = le.AppendUint64(b, meta.Term)
	b = le.AppendUint32(b, checksum(b))
	b = le.AppendUint32(b, 0)
	return append(b, m...), nil
}

// decodeSnapshotHead checks the fixed part of the header and returns index, term
// and the length of the metadata.
func decodeSnapshotHead(b []byte) (index, term uint64, metadata int64, err error) {
	le := binary.LittleEndian
	if len(b) != snapshotHeadBytes || string(b[:8]) != snapshotMagic ||
		le.Uint32(b[32:]) != checksum(b[:32]) || le.Uint32(b[36:]) != 0 || le.Uint32(b[8:]) != formatVersion {
		return 0, 0, 0, errors.New("it has no valid header")
	}
	metadata = int64(le.Uint32(b[12:]))
	if metadata > maxMetadataBytes {
		return 0, 0, 0, fmt.Errorf("its metadata has %d bytes", metadata)
	}
	return le.Uint64(b[16:]), le.Uint64(b[24:]), metadata, nil
}

func encodeSnapshotTail(size uint64, sum [sha256.Size]byte) []byte {
	le := binary.LittleEndian
	b := le.AppendUint64(make([]byte, 0, snapshotTailBytes), size)
	b = append(b, sum[:]...)
	b = le.AppendUint32(b, checksum(b))
	return append(b, snapshotEnd...)
}

func decodeSnapshotTail(b []byte) (size uint64, sum [sha256.Size]byte, ok bool) {
	le := binary.LittleEndian
	if len(b) != snapshotTailBytes || string(b[44:]) != snapshotEnd || le.Uint32(b[40:]) != checksum(b[:40]) {
		return 0, sum, false
	}
	copy(sum[:], b[8:])
	return le.Uint64(b), sum, true
}

// snapshotFile is a finished snapshot whose header, metadata and trailer were
// checked.
type snapshotFile struct {
	name snapshotName
	info storage.SnapshotInfo
	head []byte // header and metadata as they are in the file
	sum  [sha256.Size]byte
}

// inspectSnapshot checks what can be checked without reading the content.
func inspectSnapshot(f vfs.File, name snapshotName) (snapshotFile, error) {
	s := snapshotFile{name: name}
	length, err := f.Size()
	if err != nil {
		return s, err
	}
	if length < snapshotHeadBytes+snapshotTailBytes {
		return s, damagef(name.String(), length, "it ends too soon")
	}
	head := make([]byte, snapshotHeadBytes)
	if _, err := f.ReadAt(head, 0); err != nil {
		return s, unreadable(name.String(), 0, err)
	}
	index, term, metadata, err := decodeSnapshotHead(head)
	if err != nil {
		return s, damagef(name.String(), 0, "%v", err)
	}
	content := length - snapshotHeadBytes - snapshotTailBytes - metadata
	if content < 0 {
		return s, damagef(name.String(), length, "it ends too soon")
	}
	s.head = append(head, make([]byte, metadata)...)
	tail := make([]byte, snapshotTailBytes)
	if _, err := f.ReadAt(s.head[snapshotHeadBytes:], snapshotHeadBytes); err != nil && metadata > 0 {
		return s, unreadable(name.String(), snapshotHeadBytes, err)
	}
	if _, err := f.ReadAt(tail, length-snapshotTailBytes); err != nil {
		return s, unreadable(name.String(), length-snapshotTailBytes, err)
	}
	var ok bool
	if s.info.Size_, s.sum, ok = decodeSnapshotTail(tail); !ok || s.info.Size_ != uint64(content) {
		return s, damagef(name.String(), length-snapshotTailBytes, "it has no valid trailer")
	}
	meta := &s.info.Metadata
	if err := meta.Unmarshal(s.head[snapshotHeadBytes:]); err != nil {
		return s, damagef(name.String(), snapshotHeadBytes, "its metadata: %v", err)
	}
	if index != name.index || term != name.term || meta.Index != index || meta.Term != term {
		return s, damagef(name.String(), 0, "it says index %d, term %d, and index %d, term %d", index, term, meta.Index, meta.Term)
	}
	return s, nil
}
