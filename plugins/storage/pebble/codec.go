package pebble

import (
	"encoding/binary"
	"hash/crc32"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// The keys. Entries sort by index.
const (
	entryPrefix = 'e'
	hardKey     = "m/hard"
	startKey    = "m/start"
)

const (
	crcBytes       = 4
	entryHeadBytes = crcBytes + 1 + 8 // before an entry's data
	hardBytes      = crcBytes + 3*8
	startBytes     = crcBytes + 2*8
)

func entryKey(index uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{entryPrefix}, index)
}

// entriesEnd is the key after all entries.
func entriesEnd() []byte { return []byte{entryPrefix + 1} }

// indexOf returns the index in an entry's key.
func indexOf(key []byte) (uint64, bool) {
	if len(key) != 9 || key[0] != entryPrefix {
		return 0, false
	}
	return binary.BigEndian.Uint64(key[1:]), true
}

// seal puts the checksum over key and value into the value's first bytes, so
// that a value under another key is noticed as well.
func seal(key, value []byte) {
	binary.LittleEndian.PutUint32(value, sum(key, value))
}

func sum(key, value []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Update(0, table, key), table, value[crcBytes:])
}

func sealed(key, value []byte) bool {
	return len(value) >= crcBytes && binary.LittleEndian.Uint32(value) == sum(key, value)
}

// appendEntry encodes an entry's value.
func appendEntry(p, key []byte, e *storage.Entry) []byte {
	p = append(p, 0, 0, 0, 0, byte(e.Type))
	p = binary.LittleEndian.AppendUint64(p, e.Term)
	p = append(p, e.Data...)
	seal(key, p)
	return p
}

// entryHead checks an entry's value and returns its term.
func entryHead(key, value []byte) (term uint64, ok bool) {
	if len(value) < entryHeadBytes || !sealed(key, value) {
		return 0, false
	}
	return binary.LittleEndian.Uint64(value[crcBytes+1:]), true
}

// decodeEntry copies an entry out of its value.
func decodeEntry(key, value []byte) (storage.Entry, bool) {
	index, ok := indexOf(key)
	if !ok {
		return storage.Entry{}, false
	}
	term, ok := entryHead(key, value)
	if !ok {
		return storage.Entry{}, false
	}
	e := storage.Entry{Index: index, Term: term, Type: pluginv1.EntryType(value[crcBytes])}
	if data := value[entryHeadBytes:]; len(data) > 0 {
		e.Data = append([]byte(nil), data...)
	}
	return e, true
}

func encodeHard(hs storage.HardState) []byte {
	return encodeNumbers(hardKey, hs.Term, hs.Vote, hs.Commit)
}

func decodeHard(value []byte) (hs storage.HardState, ok bool) {
	if len(value) != hardBytes || !sealed([]byte(hardKey), value) {
		return hs, false
	}
	le := binary.LittleEndian
	return storage.HardState{Term: le.Uint64(value[4:]), Vote: le.Uint64(value[12:]), Commit: le.Uint64(value[20:])}, true
}

// encodeStart says up to where entries were given up.
func encodeStart(index, term uint64) []byte { return encodeNumbers(startKey, index, term) }

func decodeStart(value []byte) (index, term uint64, ok bool) {
	if len(value) != startBytes || !sealed([]byte(startKey), value) {
		return 0, 0, false
	}
	le := binary.LittleEndian
	return le.Uint64(value[4:]), le.Uint64(value[12:]), true
}

func encodeNumbers(key string, numbers ...uint64) []byte {
	p := make([]byte, crcBytes, crcBytes+8*len(numbers))
	for _, n := range numbers {
		p = binary.LittleEndian.AppendUint64(p, n)
	}
	seal([]byte(key), p)
	return p
}
