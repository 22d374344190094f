package history_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/test/linearizability/history"
)

// The longest pause is one of acknowledged writes, and the report names the faults
// of that time and no others.
func TestTheReportNamesTheLongestPause(t *testing.T) {
	at := func(kind history.Kind, outcome history.Outcome, ended time.Duration) history.Operation {
		return history.Operation{Kind: kind, Outcome: outcome, Began: int64(ended - time.Millisecond), Ended: int64(ended)}
	}
	f := &history.File{
		Operations: []history.Operation{
			at(history.Put, history.Applied, 9*time.Second),
			at(history.Put, history.Applied, time.Second),
			at(history.CompareAndSet, history.Applied, 3*time.Second),
			at(history.Read, history.Applied, 5*time.Second),
			at(history.Put, history.Unknown, 6*time.Second),
			at(history.Put, history.NotApplied, 7*time.Second),
		},
		Faults: []history.Fault{
			{Kind: "link cut", Target: "before", Began: 0, Ended: int64(2 * time.Second), Back: int64(2 * time.Second)},
			{Kind: "host killed", Target: "meanwhile", Began: int64(2 * time.Second), Ended: int64(4 * time.Second), Back: int64(4 * time.Second)},
			{Kind: "disk full", Target: "afterwards", Began: int64(10 * time.Second), Ended: int64(11 * time.Second), Back: int64(11 * time.Second)},
		},
	}
	if pause := f.LongestPause(); pause != (history.Pause{From: 3 * time.Second, Until: 9 * time.Second}) {
		t.Errorf("%v, want 6s from 3s on", pause)
	}
	report := f.Report()
	if !strings.Contains(report, "meanwhile") || strings.Contains(report, "before") || strings.Contains(report, "afterwards") {
		t.Errorf("the report names other faults than that of the pause:\n%s", report)
	}
}

// The report counts of each kind the faults that took effect, and finds the longest
// pause that one of them had a part in. A part of another fault is not counted among
// all faults.
func TestTheReportCountsFaultsByKind(t *testing.T) {
	f := &history.File{Faults: []history.Fault{
		{Kind: "disk full", Began: seconds(1), Ended: seconds(2), Back: seconds(2), Took: true},
		{Kind: "disk full", Began: seconds(5.5), Ended: seconds(5.6), Back: seconds(7)},
		{Kind: "restart", Began: seconds(1), Ended: seconds(2), Back: seconds(2), Took: true, Part: true},
	}}
	for _, at := range []float64{0.9, 2.1, 3, 5.7, 6.8, 9} {
		f.Operations = append(f.Operations, history.Operation{Kind: history.Put, Outcome: history.Applied, Ended: seconds(at)})
	}
	report := f.Report()
	for _, row := range []string{`disk full +2 +1 +2\.7s`, `restart +1 +1 .*`, `all +2 +1 .*`} {
		if !regexp.MustCompile(`(?m)^` + row + `$`).MatchString(report) {
			t.Errorf("no line like %q:\n%s", row, report)
		}
	}
}
