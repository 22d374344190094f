package history

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Pause is a time in which no write was acknowledged.
type Pause struct{ From, Until time.Duration }

// Length is how long it was.
func (p Pause) Length() time.Duration { return p.Until - p.From }

func (p Pause) String() string {
	return fmt.Sprintf("no write was acknowledged for %v, from %v on", p.Length().Round(time.Millisecond), p.From.Round(time.Millisecond))
}

// pauses are the times between acknowledged writes, that before the first one and
// that between the last one and the end of the writers included.
func (f *File) pauses() []Pause {
	var acknowledged []int64
	for i := range f.Operations {
		if o := &f.Operations[i]; o.Writes() && o.Outcome == Applied {
			acknowledged = append(acknowledged, o.Ended)
		}
	}
	slices.Sort(acknowledged)
	var list []Pause
	var last int64
	for _, at := range append(acknowledged, f.Run.Until) {
		if at > last {
			list = append(list, Pause{time.Duration(last), time.Duration(at)})
			last = at
		}
	}
	return list
}

// LongestPause is the longest time in which no write was acknowledged.
func (f *File) LongestPause() Pause { return longest(f.pauses()) }

func longest(pauses []Pause) (p Pause) {
	for _, other := range pauses {
		if other.Length() > p.Length() {
			p = other
		}
	}
	return p
}

// Unexcused are the pauses longer than the run's bound with a majority of the
// voters that no fault has its hand on, while no fault begins or ends. A history
// without a bound has none.
func (f *File) Unexcused() (list []Pause) {
	if f.Run.Bound == 0 {
		return nil
	}
	bound := time.Duration(f.Run.Bound)
	changes := f.changes()
	for _, p := range f.pauses() {
		if p.Length() <= bound {
			continue
		}
		from := p.From
		for _, at := range append(changes, p.Until) {
			at = min(at, p.Until)
			if at <= from {
				continue
			}
			if at-from > bound && f.majorityAt(int64(from)) {
				list = append(list, Pause{from, at})
			}
			from = at
		}
	}
	return list
}

// changes are the moments at which a fault begins or ends, in their order.
func (f *File) changes() (list []time.Duration) {
	for i := range f.Faults {
		for _, at := range []int64{f.Faults[i].Began, f.Faults[i].Ended, f.Faults[i].Back} {
			if at > 0 {
				list = append(list, time.Duration(at))
			}
		}
	}
	slices.Sort(list)
	return slices.Clip(list)
}

// majorityAt reports whether there is a majority of the voters at a moment of which
// each is free of faults and reaches each other one. A voter that is there for a
// while counts, but not as one of them.
func (f *File) majorityAt(at int64) bool {
	voters := len(f.Run.Voters)
	var out []string
	var apart [][2]string
	for i := range f.Faults {
		if fault := &f.Faults[i]; fault.lasts(at) {
			out, apart = append(out, fault.Out...), append(apart, fault.Apart...)
			if fault.Voter {
				voters++
			}
		}
	}
	free := slices.DeleteFunc(slices.Clone(f.Run.Voters), func(m string) bool { return slices.Contains(out, m) })
	return connected(free, apart) > voters/2
}

// connected is the size of the largest set of members of which no two are apart.
func connected(members []string, apart [][2]string) int {
	for _, pair := range apart {
		a, b := slices.Index(members, pair[0]), slices.Index(members, pair[1])
		if a >= 0 && b >= 0 && a != b {
			return max(connected(slices.Delete(slices.Clone(members), a, a+1), apart),
				connected(slices.Delete(slices.Clone(members), b, b+1), apart))
		}
	}
	return len(members)
}

// ReportUnexcused tells the pauses that are too long, each with the faults of its time.
func (f *File) ReportUnexcused() string {
	var text strings.Builder
	for _, p := range f.Unexcused() {
		fmt.Fprintf(&text, "%v, at most %v are allowed while a majority is free of faults\n", p, time.Duration(f.Run.Bound))
		f.writeMeanwhile(&text, p)
	}
	return text.String()
}
