//go:build linux

package linearizability

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pontoon-raft/pontoon/test/internal/live"
	"github.com/pontoon-raft/pontoon/test/linearizability/history"
)

// A fault is something that was done to the cluster and will be undone.
type fault struct {
	kind   kind
	target string
	// hit is a member that it takes out until its processes are up again. May be nil.
	hit *member
	// holds are the members and links that are left alone meanwhile.
	holds []string
	// undo ends it, after dwell, or before that once over holds. Both may be nil.
	dwell time.Duration
	over  func() bool
	undo  func()
	// took reports, just before undo, whether the fault was felt. Nil means that it was
	// made for certain.
	took func() bool
	// healed reports that the cluster has got over it. May be nil.
	healed func() bool
	// leave is a member whose host may end by itself until the fault has healed. May
	// be nil.
	leave *member
	// course are the steps of a fault that takes several. May be nil.
	course *course

	began, undone time.Time
	// alone is since when a course that is overdue is the only fault.
	alone  time.Time
	record history.Fault // of which Out, Apart and Voter are set by the kind
}

// A storm disturbs a cluster by faults of all kinds in turn, one or two at a
// time. It runs on the goroutine of the test.
type storm struct {
	c      *cluster
	record *history.Recorder
	random *rand.Rand
	deck   []kind
	active []*fault
	next   time.Time
	made   map[string]int // that took effect, by kind
}

func newStorm(c *cluster, record *history.Recorder, seed uint64) *storm {
	return &storm{c: c, record: record, random: rand.New(rand.NewPCG(seed, 2)), made: map[string]int{}}
}

const (
	// atATime bounds the faults that are not undone.
	atATime = 2
	// healTime is after which what a fault has hit may be hit again even if it has not
	// got over it, unless a host has leave to end until then.
	healTime = 15 * time.Second
	// courseTime is after which no other fault is begun before a course has ended:
	// others may take the quorum away that its steps need.
	courseTime = 30 * time.Second
	// endTime is by when a course has ended that no other fault disturbs any more.
	endTime = 2 * time.Minute
	// coverage is from which length on a run has to have faults of all kinds.
	coverage = time.Minute
	// coverTime is how long a run goes on at most, until all kinds were made.
	coverTime = time.Minute
	// calmTime is between the beginnings of two faults at most.
	calmTime = 1200 * time.Millisecond
	longest  = 2500 * time.Millisecond // a fault's dwell
)

// rage disturbs the cluster for some time, and a little longer if faults of some
// kind have not taken effect by then.
func (s *storm) rage(limit time.Duration) {
	s.c.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.Now().Add(limit)
	for left := limit; left > 0 || left > -coverTime && len(s.missing()) > 0; left = time.Until(end) {
		<-tick.C
		s.tend()
		if time.Now().After(s.next) && s.raging() < atATime && s.overdue() == nil && !s.paused() {
			s.begin()
			s.next = time.Now().Add(s.within(100*time.Millisecond, calmTime))
		}
	}
}

// paused reports whether writes pause for longer than what any one fault excuses.
// Then no other is begun: it would excuse what follows.
func (s *storm) paused() bool { return s.record.SinceWrite() > s.c.timing.recovery() }

// raging is how many faults are not undone.
func (s *storm) raging() (n int) {
	for _, f := range s.active {
		if f.undone.IsZero() {
			n++
		}
	}
	return n
}

// begin makes the next fault of the deck that finds a target.
func (s *storm) begin() {
	if len(s.deck) == 0 {
		s.deck = kinds()
		s.random.Shuffle(len(s.deck), func(i, j int) { s.deck[i], s.deck[j] = s.deck[j], s.deck[i] })
	}
	for i, k := range s.deck {
		began := s.record.Now()
		f := k.begin(s)
		if f == nil {
			continue
		}
		f.kind, f.began = k, time.Now()
		f.record.Kind, f.record.Target, f.record.Began = k.name, f.target, began
		if f.hit != nil {
			f.record.Out = []string{f.hit.name}
		}
		s.record.AddFault(&f.record)
		s.active = append(s.active, f)
		s.deck = append(s.deck[:i:i], s.deck[i+1:]...)
		return
	}
}

// tend undoes what is due, and looks for members that ended by themselves.
func (s *storm) tend() {
	for _, f := range s.active {
		if f.undone.IsZero() && f.due() {
			s.undo(f)
		}
	}
	s.watch()
	s.hurry()
}

// over reports whether a fault is undone and the cluster has got over it.
func (s *storm) over(f *fault) bool {
	s.lookBack(f)
	return f.record.Back != 0 && (f.healed == nil || f.healed() || f.released())
}

// released reports whether what a fault has hit may be hit again although the
// cluster has not got over it.
func (f *fault) released() bool {
	return !f.undone.IsZero() && f.leave == nil && time.Since(f.undone) > healTime
}

// lookBack notes when the processes are up again that a fault has hit. Whether the
// cluster has a leader by then does not matter: a fault excuses none that is missing
// afterwards.
func (s *storm) lookBack(f *fault) {
	if f.record.Back == 0 && !f.undone.IsZero() && (f.hit == nil || f.course != nil || f.hit.up()) {
		f.record.Back = s.record.Now()
	}
}

// overdue is the course that has not ended for longer than courses share the
// cluster with other faults; nil if there is none.
func (s *storm) overdue() *fault {
	for _, f := range s.active {
		if f.course != nil && f.undone.IsZero() && time.Since(f.began) > courseTime {
			return f
		}
	}
	return nil
}

// hurry ends the run if a course does not end although nothing else disturbs the
// cluster.
func (s *storm) hurry() {
	s.c.t.Helper()
	f := s.overdue()
	switch {
	case f == nil || s.raging() > 1:
	case f.alone.IsZero():
		f.alone = time.Now()
	case time.Since(f.alone) > endTime:
		s.c.t.Fatalf("%s of %s has not come to its end for %v, the last %v without another fault; %d steps are left",
			f.kind.name, f.target, time.Since(f.began), endTime, len(f.course.steps))
	}
}

// revive starts the hosts that ended by themselves. It fails the run for those that
// had no leave to.
func (s *storm) revive() {
	s.c.t.Helper()
	for _, m := range slices.Concat(s.c.members, s.c.guests) {
		if m.down || m.host.Running() {
			continue
		}
		if !s.mayEnd(m) {
			s.c.t.Errorf("%s ended by itself with %v:\n%s", m.name, m.host.Cmd.ProcessState, m.host.LastLines(30))
		}
		m.start()
	}
}

// mayEnd reports whether a fault gives a host leave to end.
func (s *storm) mayEnd(m *member) bool {
	return slices.ContainsFunc(s.active, func(f *fault) bool { return f.leave == m })
}

// due reports whether a fault is to be undone. A course goes on to its end.
func (f *fault) due() bool {
	if f.course != nil {
		return f.course.ended()
	}
	return time.Since(f.began) > f.dwell || f.over != nil && f.over()
}

// undo ends a fault. One that had no effect does not count, and is made again if it
// is the only one of its kind.
func (s *storm) undo(f *fault) {
	f.record.Took = f.took == nil || f.took()
	if f.undo != nil {
		f.undo()
	}
	f.undone = time.Now()
	f.record.Ended = s.record.Now()
	s.lookBack(f)
	if f.record.Took {
		s.made[f.kind.name]++
	} else if s.made[f.kind.name] == 0 {
		s.deck = append(s.deck, f.kind)
	}
}

// calm undoes everything and waits until all members serve. A course comes to its
// end when nothing else disturbs it. A host may still end by a disk that was full
// until now.
func (s *storm) calm() {
	s.c.t.Helper()
	for _, f := range s.active {
		if f.undone.IsZero() && f.course == nil {
			s.undo(f)
		}
	}
	for _, f := range s.active {
		if f.undone.IsZero() {
			live.Eventually(s.c.t, fmt.Sprintf("%s of %s to come to its end", f.kind.name, f.target), func() bool {
				s.watch()
				return f.course.ended()
			})
			s.undo(f)
		}
	}
	for _, m := range s.c.members {
		live.Eventually(s.c.t, fmt.Sprintf("%s to serve after all faults", m.name), func() bool {
			s.watch()
			return m.ready()
		})
	}
	s.watch()
	s.active = nil
}

// watch looks after members whose faults are undone, and takes its hand off those that
// have got over them.
func (s *storm) watch() {
	s.c.t.Helper()
	var active []*fault
	for _, f := range s.active {
		if !s.over(f) {
			active = append(active, f)
		}
	}
	s.active = active
	s.revive()
}

// missing are the kinds of which a run that is long enough has to have faults, and
// has none.
func (s *storm) missing() (names []string) {
	if *duration < coverage {
		return nil
	}
	for _, k := range kinds() {
		if s.made[k.name] == 0 {
			names = append(names, k.name)
		}
	}
	return names
}

// checkCoverage checks that a run that is long enough has had faults of all kinds.
func (s *storm) checkCoverage() {
	s.c.t.Helper()
	for _, name := range s.missing() {
		s.c.t.Errorf("no fault of the kind %q took effect", name)
	}
}

// held reports whether a fault has its hand on a member or link.
func (s *storm) held(what string) bool {
	return slices.ContainsFunc(s.active, func(f *fault) bool {
		return !f.released() && slices.Contains(f.holds, what)
	})
}

// within is a random time.
func (s *storm) within(least, most time.Duration) time.Duration {
	return least + time.Duration(s.random.Int64N(int64(most-least)))
}
