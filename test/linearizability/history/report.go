package history

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what happened, for people: faults by kind, operations by outcome, the
// longest pauses of writes.
func (f *File) Report() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d nodes, seed %d, %.0f s\n\n", f.Run.Nodes, f.Run.Seed, f.Run.Seconds)
	f.writeFaults(&text)
	f.writeOperations(&text)
	pause := f.LongestPause()
	fmt.Fprintf(&text, "\n%v\n", pause)
	f.writeMeanwhile(&text, pause)
	text.WriteString(f.ReportUnexcused())
	return text.String()
}

// writeMeanwhile tells the faults that were made or not over in a pause.
func (f *File) writeMeanwhile(to *strings.Builder, p Pause) {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for i := range f.Faults {
		if fault := &f.Faults[i]; fault.overlaps(int64(p.From), int64(p.Until)) {
			fmt.Fprintf(table, "  %s\t%s\tfrom %s to %s, back at %s\n", fault.Kind, fault.Target,
				moment(fault.Began), moment(fault.Ended), moment(fault.Back))
		}
	}
	_ = table.Flush() // a strings.Builder takes everything
}

// moment is one of a fault, for people.
func moment(at int64) string {
	if at == 0 {
		return "never"
	}
	return time.Duration(at).Round(time.Millisecond).String()
}

// writeFaults tells of each kind how many faults there were, how many took effect,
// and the longest pause that one of them had a part in. A part of another fault is
// not counted among all faults.
func (f *File) writeFaults(to *strings.Builder) {
	var all, allTook int
	count, took := map[string]int{}, map[string]int{}
	pause := map[string]Pause{}
	pauses := f.pauses()
	for i := range f.Faults {
		fault := &f.Faults[i]
		count[fault.Kind]++
		if !fault.Part {
			all++
		}
		if fault.Took {
			took[fault.Kind]++
		}
		if fault.Took && !fault.Part {
			allTook++
		}
		pause[fault.Kind] = longest(append(fault.among(pauses), pause[fault.Kind]))
	}
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "fault\tmade\ttook effect\tlongest pause of writes\n")
	for _, kind := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(table, "%s\t%d\t%d\t%v\n", kind, count[kind], took[kind], pause[kind].Length().Round(time.Millisecond))
	}
	fmt.Fprintf(table, "all\t%d\t%d\t%v\n\n", all, allTook, longest(pauses).Length().Round(time.Millisecond))
	_ = table.Flush()
}

// among are those of pauses, which are in their order, that a fault may have had a
// part in.
func (f *Fault) among(pauses []Pause) (list []Pause) {
	first, _ := slices.BinarySearchFunc(pauses, time.Duration(f.Began), func(p Pause, at time.Duration) int { return cmp.Compare(p.Until, at) })
	for _, p := range pauses[first:] {
		if !f.overlaps(int64(p.From), int64(p.Until)) {
			break
		}
		list = append(list, p)
	}
	return list
}

func (f *File) writeOperations(to *strings.Builder) {
	count := map[string]map[Outcome]int{}
	for i := range f.Operations {
		what := f.Operations[i].what()
		if count[what] == nil {
			count[what] = map[Outcome]int{}
		}
		count[what][f.Operations[i].Outcome]++
	}
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\t%s\t%s\t%s\n", Applied, NotApplied, Unknown)
	for _, what := range slices.Sorted(maps.Keys(count)) {
		c := count[what]
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\n", what, c[Applied], c[NotApplied], c[Unknown])
	}
	fmt.Fprintf(table, "operations\t%d\nviolations\t%d\npauses too long\t%d\n", len(f.Operations), f.Run.Violations, len(f.Unexcused()))
	_ = table.Flush()
}

// what tells operations apart in a report.
func (o *Operation) what() string {
	switch {
	case o.Kind == Read && o.Stale:
		return "read, stale"
	case o.Kind == Read:
		return "read, linearizable"
	case o.Kind == CompareAndSet && o.Refused:
		return "compare-and-set, refused"
	case o.Kind == CompareAndSet:
		return "compare-and-set"
	default:
		return "put"
	}
}
