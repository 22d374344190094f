package history

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// LongestPause is the longest time in which no write was acknowledged, and when it
// began.
func (f *File) LongestPause() (pause, at time.Duration) {
	var acknowledged []int64
	for i := range f.Operations {
		if o := &f.Operations[i]; o.Writes() && o.Outcome == Applied {
			acknowledged = append(acknowledged, o.Ended)
		}
	}
	slices.Sort(acknowledged)
	for i := 1; i < len(acknowledged); i++ {
		if d := time.Duration(acknowledged[i] - acknowledged[i-1]); d > pause {
			pause, at = d, time.Duration(acknowledged[i-1])
		}
	}
	return pause, at
}

// Report is what happened, for people: faults by kind, operations by outcome, the
// longest pause of writes.
func (f *File) Report() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d nodes, seed %d, %.0f s\n\n", f.Run.Nodes, f.Run.Seed, f.Run.Seconds)
	f.writeFaults(&text)
	f.writeOperations(&text)
	pause, at := f.LongestPause()
	fmt.Fprintf(&text, "\nno write was acknowledged for %v at most, from %v on\n",
		pause.Round(time.Millisecond), at.Round(time.Millisecond))
	f.writeMeanwhile(&text, at, at+pause)
	return text.String()
}

// writeMeanwhile tells the faults that were made or not over between two moments.
func (f *File) writeMeanwhile(to *strings.Builder, from, until time.Duration) {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, fault := range f.Faults {
		began, ended := time.Duration(fault.Began), time.Duration(fault.Ended)
		if ended >= from && began <= until {
			fmt.Fprintf(table, "  %s\t%s\tfrom %v to %v\n", fault.Kind, fault.Target, began.Round(time.Millisecond), ended.Round(time.Millisecond))
		}
	}
	_ = table.Flush()
}

func (f *File) writeFaults(to *strings.Builder) {
	kinds := map[string]int{}
	for _, fault := range f.Faults {
		kinds[fault.Kind]++
	}
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		fmt.Fprintf(table, "%s\t%d\n", kind, kinds[kind])
	}
	fmt.Fprintf(table, "faults\t%d\n\n", len(f.Faults))
	_ = table.Flush() // a strings.Builder takes everything
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
	fmt.Fprintf(table, "operations\t%d\n", len(f.Operations))
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
