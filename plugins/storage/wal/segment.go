package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins/storage/identity"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

const (
	segmentSuffix = ".log"
	tempSuffix    = ".tmp"
	// zeroStep is how much is zeroed, and synced, at a time: a background
	// write must not queue up in front of an append's sync.
	zeroStep = 1 << 20
	// sectorBytes is what a disk damages together.
	sectorBytes = 512
)

// errStopped: Close began while a segment was being prepared.
var errStopped = errors.New("the store is being closed")

// segment is one open file of the log. Readers hold it open while the log
// gives it up.
type segment struct {
	number uint64
	size   int64 // what may be written; fixed
	file   vfs.File

	mu      sync.Mutex
	readers int
	retired bool
}

func segmentName(number uint64) string { return fmt.Sprintf("%016x%s", number, segmentSuffix) }

func (s *segment) name() string { return segmentName(s.number) }

// parseSegmentName returns the number in a segment's file name.
func parseSegmentName(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	number, err := strconv.ParseUint(digits, 16, 32) // an entryRef has 32 bits for it
	return number, err == nil && segmentName(number) == name
}

func isSegment(name string) bool {
	_, ok := parseSegmentName(name)
	return ok
}

// isTemp reports whether name is that of a file this backend did not finish.
func isTemp(name string) bool {
	number, ok := strings.CutSuffix(name, tempSuffix)
	if !ok {
		return false
	}
	_, ok = parseSegmentName(number + segmentSuffix)
	return ok || name == identity.Temp
}

// acquire keeps the file open until release. The log may give the segment up
// meanwhile, and remove its name: the bytes stay readable through the open file.
func (s *segment) acquire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers++
}

func (s *segment) release() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers--
	return s.closeIfUnusedLocked()
}

// retire closes the file as soon as no reader has it.
func (s *segment) retire() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired = true
	return s.closeIfUnusedLocked()
}

func (s *segment) closeIfUnusedLocked() error {
	if !s.retired || s.readers > 0 || s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return f.Close()
}

// prepareSegment makes a segment of zeros under its temporary name, synced.
// It gives up with errStopped when stop is closed. A segment has its full length before
// it has its name, so that a shorter one was cut by something else than a crash
// (splitSpare), and appends change no metadata of the file.
func prepareSegment(fsys vfs.FS, number uint64, size int64, stop <-chan struct{}) (*segment, error) {
	temp := tempName(number)
	if err := fsys.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := fsys.Create(temp)
	if err != nil {
		return nil, err
	}
	if err := zeroAhead(f, size, stop); err != nil {
		return nil, errors.Join(err, f.Close(), fsys.Remove(temp))
	}
	return &segment{number: number, size: size, file: f}, nil
}

func tempName(number uint64) string { return fmt.Sprintf("%016x%s", number, tempSuffix) }

// zeroAhead gives f its full size, in written zeros and not only reserved
// blocks: an append that turns a reserved block into a written one needs a
// journal commit, which costs as much again as the data.
func zeroAhead(f vfs.File, size int64, stop <-chan struct{}) error {
	if err := f.Preallocate(size); err != nil {
		return err
	}
	zeros := make([]byte, min(size, zeroStep))
	for off := int64(0); off < size; off += zeroStep {
		select {
		case <-stop:
			return errStopped
		default:
		}
		if _, err := f.WriteAt(zeros[:min(zeroStep, size-off)], off); err != nil {
			return err
		}
		if off+zeroStep < size {
			if err := f.Sync(); err != nil {
				return err
			}
		}
	}
	return f.SyncAll()
}

// place gives a prepared segment its final name, durably.
func (s *segment) place(fsys vfs.FS) error {
	return vfs.PutInPlace(fsys, tempName(s.number), s.name())
}

// nextSegmentBytes is the size of the segment after one of size prev, if it must have
// room for need bytes.
func nextSegmentBytes(prev, need, configured int64) int64 {
	size := min(max(2*prev, minSegmentBytes), configured)
	return max(size, (need+minSegmentBytes-1)/minSegmentBytes*minSegmentBytes)
}
