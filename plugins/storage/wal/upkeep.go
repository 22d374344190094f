package wal

import (
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/wake"
)

// upkeep is what happens to the journal in the background, in one goroutine:
// preparing the next segment, removing old ones, setting space aside, and
// writing a mark when the log is idle.
type upkeep struct {
	idle time.Duration
	wake chan struct{} // capacity 1: "look what there is to do"
	stop chan struct{} // closed by end
	done chan struct{} // closed when the goroutine has ended; nil if it never ran
	once sync.Once
	// armed says that the goroutine watches for an idle moment.
	armed atomic.Bool
	// retired are segments to remove, oldest first; guarded by journal.mu, as
	// is what follows. One that could not be removed is tried again at again, and
	// none before it: that would leave a hole in the numbers.
	retired []*segment
	again   time.Time
	told    bool // the log says that one could not be removed
	// stuck is set when a directory could not be synced: it is unknown which
	// removals are durable, so the next Open makes the rest of them.
	stuck bool
}

// spaceRetries is after how many idle times what did not fit is tried again: an
// idle time is a tenth of a tick.
const spaceRetries = 100

func (u *upkeep) spaceRetry() time.Duration { return spaceRetries * u.idle }

func newUpkeep(idle time.Duration) upkeep {
	return upkeep{idle: idle, wake: make(chan struct{}, 1), stop: make(chan struct{})}
}

func (u *upkeep) begin(j *journal) {
	u.done = make(chan struct{})
	go u.run(j)
}

// begun reports whether the goroutine ever ran.
func (u *upkeep) begun() bool { return u.done != nil }

// end stops the goroutine and waits for it.
func (u *upkeep) end() {
	u.once.Do(func() { close(u.stop) })
	if u.begun() {
		<-u.done
	}
}

// appended is called after each append, with journal.writing held: it costs
// two loads unless there is something to do.
func (u *upkeep) appended(j *journal) {
	halfFull := j.tail.off > j.tail.segment.size/2
	if !u.armed.Load() && !u.armed.Swap(true) || halfFull && j.wantsNext() {
		wake.Up(u.wake)
	}
}

// wantsNext reports whether the background should prepare a segment. It does
// not wait for one that is being made.
func (j *journal) wantsNext() bool {
	p := &j.prepare
	if !p.mu.TryLock() {
		return false
	}
	defer p.mu.Unlock()
	return p.next == nil && p.failed != j.tail.segment.number+1
}

func (u *upkeep) run(j *journal) {
	defer close(u.done)
	timer := time.NewTimer(u.idle)
	defer timer.Stop()
	seen := uint64(0)
	for {
		select {
		case <-u.stop:
			return
		case <-u.wake:
			timer.Reset(u.idle)
		case <-timer.C:
			var again bool
			if seen, again = u.markIfIdle(j, seen); again {
				timer.Reset(u.idle)
			}
			continue
		}
		u.remove(j)
		u.prepare(j, time.Now())
		j.keepReserve(time.Now())
	}
}

// markIfIdle writes a mark if nothing was written since seen. It returns the
// sequence it saw and whether to look again.
//
// The mark protects the last records of a quiet log: until it is on the disk, damage to
// them cannot be told from a torn tail. It is written without a sync, which would cost as
// much as an append's. If a crash takes it, the tail is judged as if it had never been.
func (u *upkeep) markIfIdle(j *journal, seen uint64) (uint64, bool) {
	j.writing.Lock()
	defer j.writing.Unlock()
	if now := j.tail.seq; now != seen {
		return now, true
	}
	u.armed.Store(false)
	if j.poison.Health() == nil && j.tail.marked < j.tail.durable {
		// The error has poisoned the journal and is logged there.
		_ = j.writeMark(false)
	}
	return j.tail.seq, false
}

// writeMark says in the log what is durable, if it does not say so yet. There is
// room after every record of this version (room), and one mark takes all that is
// left of it: the next record goes into the next segment.
func (j *journal) writeMark(sync bool) error {
	if j.tail.marked >= j.tail.durable || j.room() < 0 {
		return nil
	}
	j.markRecords(0)
	return j.flush(sync)
}

// markRecords encodes two marks, the second at the beginning of a sector: the
// loss of one sector must not take a record together with all that says
// it was there.
func (j *journal) markRecords(mark uint64) {
	h := header{kind: kindMark, index: j.state.Last, term: j.state.LastTerm(), mark: mark}
	at := j.openRecord()
	end := j.tail.off + int64(len(j.buf))
	j.buf = append(j.buf, make([]byte, (sectorBytes-end%sectorBytes)%sectorBytes)...)
	j.closeRecord(at, h)
	j.closeRecord(j.openRecord(), h)
}

func (u *upkeep) prepare(j *journal, now time.Time) {
	j.writing.Lock()
	current, halfFull := j.tail.segment, j.tail.off > j.tail.segment.size/2
	j.writing.Unlock()
	if !halfFull || j.poison.Health() != nil {
		return
	}
	if err := j.prepareNext(current, now); err != nil && !errors.Is(err, errStopped) {
		j.logger.Warn("cannot prepare the next log segment", "error", err)
	}
}

// retireBefore hands the segments before the one with that number to the
// background.
func (j *journal) retireBefore(number uint64) {
	j.mu.Lock()
	n := 0
	for n < len(j.segments)-1 && j.segments[n].number < number {
		n++
	}
	j.upkeep.retired = append(j.upkeep.retired, j.segments[:n]...)
	j.segments = append([]*segment(nil), j.segments[n:]...)
	j.mu.Unlock()
	if n > 0 {
		wake.Up(j.upkeep.wake)
	}
}

// remove removes retired segments, one after the other: each directory sync
// comes before the next removal, so that a crash never leaves a hole in the
// numbers.
func (u *upkeep) remove(j *journal) {
	for {
		select {
		case <-u.stop:
			return
		default:
		}
		s := u.nextToRemove(j, time.Now())
		if s == nil {
			return
		}
		if err := s.retire(); err != nil {
			j.logger.Warn("cannot close an old log segment", "file", s.name(), "error", err)
		}
		err := j.fs.Remove(s.name())
		if err == nil || errors.Is(err, fs.ErrNotExist) { // the last try has removed it, and failed all the same
			if err = j.fs.SyncDir("."); err != nil {
				u.keep(j, func() { u.stuck = true })
			}
		} else {
			u.keep(j, func() { u.retired, u.again = append([]*segment{s}, u.retired...), time.Now().Add(u.spaceRetry()) })
		}
		if !u.removed(j, s, err) {
			return
		}
	}
}

// keep changes what is guarded by journal.mu.
func (u *upkeep) keep(j *journal, change func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change()
}

// removed tells whether a segment was, and says it in the log when that begins to fail.
func (u *upkeep) removed(j *journal, s *segment, err error) bool {
	switch {
	case err != nil && u.stuck:
		j.logger.Warn("cannot sync the directory after an old log segment was removed; the others stay until the next start", "file", s.name(), "error", err)
	case err != nil && !u.told:
		j.logger.Warn("cannot remove an old log segment; it is tried again", "file", s.name(), "error", err)
	}
	u.told = err != nil
	return err == nil
}

func (u *upkeep) nextToRemove(j *journal, now time.Time) *segment {
	j.mu.Lock()
	defer j.mu.Unlock()
	if u.stuck || len(u.retired) == 0 || now.Before(u.again) {
		return nil
	}
	s := u.retired[0]
	u.retired = u.retired[1:]
	return s
}
