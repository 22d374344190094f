package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/corruption"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/freespace"
	"github.com/pontoon-raft/pontoon/plugins/storage/shell"
	"github.com/pontoon-raft/pontoon/plugins/storage/snapfile"
)

// candidate is a segment file that recovery found.
type candidate struct {
	*segment
	length int64 // of the file
	used   bool  // it begins with a valid start record
	first  header
	start  start
}

// openJournal recovers the log of a place, or begins one.
func openJournal(p shell.Place, cfg config) (*journal, error) {
	floor, err := freespace.NewFloor(p.FS, cfg.MinFreeBytes)
	if err != nil {
		return nil, err
	}
	j := &journal{fs: p.FS, logger: p.Logger, config: cfg, id: p.Identity, limits: p.Options.Limits, poison: p.Poison, floor: floor}
	if err := j.open(idleTime(p.Options.Tick)); err != nil {
		return nil, err
	}
	return j, nil
}

// logOrSnapshot names a file of a log or a snapshot, if there is one: a first Open
// does not leave any without an identity.
func logOrSnapshot(names []string) string {
	for _, name := range names {
		if snapfile.IsSnapshot(name) || isSegment(name) {
			return name
		}
	}
	return ""
}

// idleTime is how long the log is quiet before it gets a mark.
func idleTime(tick time.Duration) time.Duration {
	return max(tick/10, time.Millisecond)
}

// open recovers the log in j.fs, or begins one. After an error no file is open.
func (j *journal) open(idle time.Duration) (err error) {
	j.upkeep = newUpkeep(idle)
	defer func() {
		if err != nil {
			err = errors.Join(err, j.abandon())
		}
	}()
	found, err := j.findSegments()
	if err != nil {
		return err
	}
	if len(found) == 0 && j.id.Begun {
		return fmt.Errorf("%w: all files of the log are missing; %s", storage.ErrCorrupt, corruption.WayOut)
	}
	if len(found) == 0 {
		return j.begin()
	}
	return j.recover(found)
}

// Begin implements shell.Log: it begins the background work.
func (j *journal) Begin() {
	j.retireBefore(j.state.firstSegment(j.tail.segment.number))
	j.upkeep.begin(j)
}

// begin makes the first segment of a new log. Its start record is in it when
// it gets its name, so a first segment without one is damaged.
func (j *journal) begin() error {
	j.state = newLogState(&start{}, 0, 0)
	return j.replaceTail(1, min(firstSegmentBytes, j.config.SegmentBytes), nil)
}

// findSegments opens all segments, oldest first, and removes unfinished ones.
func (j *journal) findSegments() ([]*candidate, error) {
	names, err := j.fs.List(".")
	if err != nil {
		return nil, err
	}
	var found []*candidate
	for _, name := range names {
		if isTemp(name) {
			if err := j.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
		number, ok := parseSegmentName(name)
		if !ok {
			continue
		}
		s, err := j.openSegment(number)
		if err != nil {
			return nil, err
		}
		found = append(found, s)
		j.segments = append(j.segments, s.segment)
		if prev := found[0].number + uint64(len(found)) - 1; number != prev {
			return nil, corruption.At(segmentName(prev), 0, "the file is missing, the log goes on with %s", name)
		}
	}
	return found, nil
}

func (j *journal) openSegment(number uint64) (*candidate, error) {
	f, err := j.fs.Open(segmentName(number))
	if err != nil {
		return nil, err
	}
	c := &candidate{segment: &segment{number: number, file: f}}
	if c.length, err = f.Size(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	sc := newScanner(f, c.length, number, j.id.Salt)
	r, ok, _, err := sc.next()
	if err != nil {
		return nil, errors.Join(corruption.Unreadable(segmentName(number), 0, err), f.Close())
	}
	if !ok {
		return c, nil
	}
	c.first, c.used = r.header, true
	if c.start, err = decodeStart(r.payload); err != nil || c.first.seq == 0 {
		return nil, errors.Join(corruption.At(c.name(), 0, "its start record is malformed"), f.Close())
	}
	if c.start.salt != j.id.Salt || c.start.owner != j.id.Owner {
		return nil, errors.Join(corruption.At(c.name(), 0, "it is of another store (%v)", c.start.owner), f.Close())
	}
	c.size = c.start.size
	return c, nil
}

// recover replays all segments and decides where the log goes on.
//
// Segments with a successor in use must be whole (makeRoom). In the last one the end is
// judged before a record is taken in. The records that are known to be durable are
// replayed; those that are not are taken in by salvage as it writes them again, or are
// marks, which say nothing of the state.
func (j *journal) recover(found []*candidate) error {
	used, spare, err := splitSpare(found)
	if err != nil {
		return err
	}
	j.state = newLogState(&used[0].start, used[0].first.index, used[0].first.term)
	for i, c := range used[:len(used)-1] {
		next := used[i+1]
		if err := j.replaySealed(c, next); err != nil {
			return err
		}
	}
	last := used[len(used)-1]
	end, err := j.judgeTail(last, spare)
	if err != nil {
		return err
	}
	if err := j.replay(last, end.suspect.seq, nil); err != nil {
		return err
	}
	j.segments = j.segments[:len(used)]
	if spare != nil {
		if err := spare.retire(); err != nil {
			return err
		}
	}
	if end.clean {
		err = j.resume(last, end)
	} else {
		err = j.salvage(last, end)
	}
	if err != nil {
		return err
	}
	if spare != nil && j.tail.segment.number != spare.number {
		if err := j.fs.Remove(spare.name()); err != nil {
			return err
		}
	}
	return j.verifyState()
}

// splitSpare separates a last segment that was prepared but not yet used.
//
// What can a crash leave of the last used segment, if a prepared one follows? It
// has its full length before it gets its name, all of it synced, and is cut
// only by salvage, when a segment with a start record follows it; a prepared
// one has none. So its length is never a crash's doing: a torn tail is what a
// file of full length lacks of its last writes, sector by sector, and that may be
// any number of records, for it says nothing that the next segment exists: one
// that a large record needs is made while this one is nearly empty. A file that
// is short was cut afterwards, and the records after the cut may have been
// acknowledged.
//
// Of the prepared segment nothing counts, and its length neither. If its start
// record is torn it was in use; then its own records prove what was synced
// (judgeTail).
func splitSpare(found []*candidate) (used []*candidate, spare *candidate, err error) {
	n := len(found)
	for i, c := range found {
		if !c.used && (i < n-1 || n == 1 || c.length < minSegmentBytes) {
			return nil, nil, corruption.At(c.name(), 0, "it does not begin with a start record")
		}
	}
	used = found
	if last := found[n-1]; !last.used {
		used, spare = found[:n-1], last
	}
	if last := used[len(used)-1]; last.length != last.size {
		return nil, nil, corruption.At(last.name(), last.length, "the file was cut, it should have %d bytes; "+
			"entries behind index %d may be missing", last.size, last.first.index)
	}
	return used, spare, nil
}

// verifyState checks what must hold of a whole log.
func (j *journal) verifyState() error {
	l, at := &j.state, j.segments[0].name()
	if l.compacted < l.Base {
		return corruption.At(at, 0, "older segments are missing: entries [%d,%d] are in none", l.compacted+1, l.Base)
	}
	if l.Hard.Commit > l.Last {
		return corruption.At(j.tail.segment.name(), j.tail.off, "the log ends at %d, its commit index is %d", l.Last, l.Hard.Commit)
	}
	l.Begin(l.compactedTerm)
	return nil
}
