package wal

import (
	"encoding/binary"
	"errors"
	"math"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/identity"
)

const (
	hardStateBytes = 24
	entryHeadBytes = 16 // before an entry's data
	startBytes     = 80
	formatVersion  = 1
)

// errMalformed: the payload's checksum is right but its content is not what
// its header says. Callers add file and offset.
var errMalformed = errors.New("malformed record")

// batchBytes is the payload size of a batch.
func batchBytes(b *storage.Batch) int64 {
	n := int64(0)
	if b.HardState != (storage.HardState{}) {
		n = hardStateBytes
	}
	for i := range b.Entries {
		n += entryHeadBytes + int64(len(b.Entries[i].Data))
	}
	return n
}

func appendHardState(p []byte, hs storage.HardState) []byte {
	le := binary.LittleEndian
	p = le.AppendUint64(p, hs.Term)
	p = le.AppendUint64(p, hs.Vote)
	return le.AppendUint64(p, hs.Commit)
}

func decodeHardState(p []byte) storage.HardState {
	le := binary.LittleEndian
	return storage.HardState{Term: le.Uint64(p), Vote: le.Uint64(p[8:]), Commit: le.Uint64(p[16:])}
}

// appendEntry encodes one entry; its index is implied by its place.
//
//	 0 | data length 4 | type 1 | zero 3 | term 8 |
//	16 | data, length bytes                       |
func appendEntry(p []byte, e *storage.Entry) []byte {
	le := binary.LittleEndian
	p = le.AppendUint32(p, uint32(len(e.Data)))
	p = append(p, byte(e.Type), 0, 0, 0)
	p = le.AppendUint64(p, e.Term)
	return append(p, e.Data...)
}

// decodeEntry returns the entry at the start of p and its encoded size. Its
// data is a part of p, with a capacity that ends with it, so that an append to the data
// cannot reach the next entry.
func decodeEntry(p []byte, index uint64) (storage.Entry, int, error) {
	if len(p) < entryHeadBytes {
		return storage.Entry{}, 0, errMalformed
	}
	le := binary.LittleEndian
	n := uint64(le.Uint32(p))
	if n > uint64(len(p)-entryHeadBytes) || p[5]|p[6]|p[7] != 0 {
		return storage.Entry{}, 0, errMalformed
	}
	e := storage.Entry{Type: pluginv1.EntryType(p[4]), Term: le.Uint64(p[8:]), Index: index}
	end := entryHeadBytes + int(n)
	if n > 0 {
		e.Data = p[entryHeadBytes:end:end]
	}
	return e, end, nil
}

// start is the payload of a start record. It sums up the segments before it, so that
// these can be removed when their entries are given up.
//
//	 0 | version 4 | salt 4 | cluster 8 |
//	16 | node 8             | group 8   |
//	32 | segment size 8     | term 8    |
//	48 | vote 8             | commit 8  |
//	64 | compacted index 8  | its term 8 |
type start struct {
	salt          uint32
	owner         identity.Owner
	size          int64 // of the segment
	hard          storage.HardState
	compacted     uint64
	compactedTerm uint64
}

func (s *start) append(p []byte) []byte {
	le := binary.LittleEndian
	p = le.AppendUint32(p, formatVersion)
	p = le.AppendUint32(p, s.salt)
	p = le.AppendUint64(p, s.owner.Cluster)
	p = le.AppendUint64(p, s.owner.Node)
	p = le.AppendUint64(p, s.owner.Group)
	p = le.AppendUint64(p, uint64(s.size))
	p = appendHardState(p, s.hard)
	p = le.AppendUint64(p, s.compacted)
	return le.AppendUint64(p, s.compactedTerm)
}

func decodeStart(p []byte) (start, error) {
	le := binary.LittleEndian
	if len(p) != startBytes || le.Uint32(p) != formatVersion {
		return start{}, errMalformed
	}
	s := start{
		salt:          le.Uint32(p[4:]),
		owner:         identity.Owner{Cluster: le.Uint64(p[8:]), Node: le.Uint64(p[16:]), Group: le.Uint64(p[24:])},
		hard:          decodeHardState(p[40:]),
		compacted:     le.Uint64(p[64:]),
		compactedTerm: le.Uint64(p[72:]),
	}
	size := le.Uint64(p[32:])
	if size < minSegmentBytes || size > math.MaxUint32 {
		return start{}, errMalformed
	}
	s.size = int64(size)
	return s, nil
}
