package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
)

// maxTorn is the longest tail of a file that is taken for what a crash left: no
// host has more than that under way to its disk.
const maxTorn = 16 << 20

// sectorBytes is what a disk writes whole or not at all.
const sectorBytes = 512

// A tail is what follows the sound lines of a file.
type tail struct {
	bytes  int64
	digest [32]byte
	// torn: it can be what a crash left of lines that were not durable.
	torn bool
}

// told is the tail as a record tells it.
func (t tail) told() *Tail { return &Tail{t.bytes, hex.EncodeToString(t.digest[:])} }

// is tells whether a record tells of this tail.
func (t tail) is(told *Tail) bool { return told != nil && *told == *t.told() }

// readTail reads the rest of a file from its first unsound line on, which was
// read already.
func (s *scanning) readTail(f *scanned, line []byte) (t tail, err error) {
	kept := bytes.NewBuffer(bytes.Clone(line))
	h := sha256.New()
	h.Write(line)
	n, err := io.Copy(h, io.TeeReader(io.LimitReader(s.r, maxTorn), kept))
	if err != nil {
		return t, err
	}
	more, err := io.Copy(h, s.r)
	if err != nil {
		return t, err
	}
	t.bytes = int64(len(line)) + n + more
	h.Sum(t.digest[:0])
	t.torn = more == 0 && f.records > 0 && s.tornBy(kept.Bytes(), f.end, f.last.Number+1)
	return t, nil
}

// tornBy tells whether a crash can have left b at that place of a file, where
// the record of that number should be. A crash shortens a file, and leaves zeros
// in place of sectors that were not written yet. It changes no byte, moves
// nothing, and takes nothing that was durable when a later record was written.
func (s *scanning) tornBy(b []byte, at int64, number uint64) bool {
	first, _, more := bytes.Cut(b, []byte("\n"))
	if !more && bytes.IndexByte(b, 0) < 0 {
		return beginsLine(b)
	}
	if bytes.IndexByte(first, 0) < 0 || !wholeSectors(b, at) {
		return false
	}
	for text := range bytes.SplitSeq(b, []byte("\n")) {
		l, ok := parseLinks(text)
		if ok && (s.sums == nil || s.sums.sum(l.summed) == l.sum) && (l.durable >= number || l.number <= number) {
			return false
		}
	}
	return true
}

// beginsLine tells whether b can be the beginning of a line: it does not go on
// after what ends one.
func beginsLine(b []byte) bool {
	if !visible(b) || !bytes.HasPrefix(b, []byte(lineBegin)) && !bytes.HasPrefix([]byte(lineBegin), b) {
		return false
	}
	i := bytes.Index(b, []byte(lineSum))
	return i < 0 || len(b) <= i+tailBytes
}

// wholeSectors tells whether each run of zeros in b, which begins at that place of
// a file, can be sectors that were not written: it begins with a sector or with a
// write, and ends before one or with b. Writes begin with lines.
func wholeSectors(b []byte, at int64) bool {
	border := func(i int) bool { return (at+int64(i))%sectorBytes == 0 }
	for i := 0; i < len(b); i++ {
		if b[i] != 0 {
			continue
		}
		begin := i
		for i < len(b) && b[i] == 0 {
			i++
		}
		begins := begin == 0 || border(begin) || b[begin-1] == '\n'
		sector := sectorBytes - int((at+int64(i))%sectorBytes) // what of it may be there
		next := b[i:min(len(b), i+len(lineBegin), i+sector)]
		ends := border(i) || bytes.HasPrefix([]byte(lineBegin), next)
		if !begins || !ends {
			return false
		}
	}
	return true
}
