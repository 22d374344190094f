package history_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/test/linearizability/history"
)

// seconds is a moment of a history.
func seconds(s float64) int64 { return int64(s * float64(time.Second)) }

// paused is a history of three voters whose writes pause from 10 s to 20 s, and of
// which 5 s are allowed.
func paused(faults ...history.Fault) *history.File {
	f := &history.File{
		Run:    history.Run{Voters: []string{"n1", "n2", "n3"}, Until: seconds(30), Bound: seconds(5)},
		Faults: faults,
	}
	for at := range 31 {
		if at <= 10 || at >= 20 {
			f.Operations = append(f.Operations, history.Operation{Kind: history.Put, Outcome: history.Applied, Ended: seconds(float64(at))})
		}
	}
	return f
}

// A pause is excused only while faults leave no majority, and for as long as is
// promised after the last of them.
func TestPausesThatNoFaultExcuses(t *testing.T) {
	out := func(member string, began, ended, back float64) history.Fault {
		return history.Fault{Kind: "host killed", Target: member, Out: []string{member}, Began: seconds(began), Ended: seconds(ended), Back: seconds(back)}
	}
	apart := func(a, b string, began, ended float64) history.Fault {
		return history.Fault{Kind: "link cut", Target: a, Apart: [][2]string{{a, b}}, Began: seconds(began), Ended: seconds(ended), Back: seconds(ended)}
	}
	guest := history.Fault{Kind: "voter added and removed", Voter: true, Began: seconds(9), Ended: seconds(21), Back: seconds(21)}
	for _, c := range []struct {
		name   string
		faults []history.Fault
		from   float64 // of the pause that is not excused; 0 if all is
	}{
		{"no fault", nil, 10},
		{"one of three is out", []history.Fault{out("n1", 9, 21, 21)}, 10},
		{"two of three are out", []history.Fault{out("n1", 9, 21, 21), out("n2", 9, 21, 21)}, 0},
		{"two of three are out, one for a second of it", []history.Fault{out("n1", 9, 21, 21), out("n2", 9, 11, 11)}, 11},
		{"processes come back later", []history.Fault{out("n1", 9, 21, 21), out("n2", 9, 11, 14)}, 14},
		{"processes never come back", []history.Fault{out("n1", 9, 21, 21), out("n2", 9, 11, 0)}, 0},
		{"a fault that is never undone", []history.Fault{out("n1", 9, 21, 21), out("n2", 9, 0, 0)}, 0},
		{"an end leaves less time than is allowed", []history.Fault{out("n1", 9, 21, 21), out("n2", 9, 15.5, 15.5)}, 0},
		{"a beginning sets the time back", []history.Fault{out("n1", 14, 21, 21)}, 14},
		{"a beginning in the middle", []history.Fault{out("n1", 15, 21, 21)}, 0},
		{"a link of three", []history.Fault{apart("n1", "n2", 9, 21)}, 10},
		{"two links of three", []history.Fault{apart("n1", "n2", 9, 21), apart("n1", "n3", 9, 21)}, 10},
		{"all links", []history.Fault{apart("n1", "n2", 9, 21), apart("n1", "n3", 9, 21), apart("n3", "n2", 9, 21)}, 0},
		{"a member and the link of the others", []history.Fault{out("n1", 9, 21, 21), apart("n2", "n3", 9, 21)}, 0},
		{"a fourth voter", []history.Fault{guest}, 10},
		{"a fourth voter, and one of three is out", []history.Fault{guest, out("n1", 9, 21, 21)}, 0},
	} {
		f := paused(c.faults...)
		found := f.Unexcused()
		if c.from == 0 {
			if len(found) > 0 {
				t.Errorf("%s: %v", c.name, found)
			}
			continue
		}
		if len(found) != 1 || found[0].From != time.Duration(seconds(c.from)) {
			t.Errorf("%s: %v, want one from %v s on", c.name, found, c.from)
		}
		if report := f.ReportUnexcused(); len(c.faults) > 0 && !strings.Contains(report, c.faults[0].Kind) {
			t.Errorf("%s: the report names no fault:\n%s", c.name, report)
		}
	}
}

// A run whose writes are never acknowledged, or not to its end, has a pause too.
func TestPausesAtBothEnds(t *testing.T) {
	f := paused()
	f.Operations = nil
	if p := f.LongestPause(); p != (history.Pause{Until: 30 * time.Second}) || len(f.Unexcused()) != 1 {
		t.Errorf("%v without a write", p)
	}
	f = paused()
	f.Operations = f.Operations[:11]
	if p := f.LongestPause(); p != (history.Pause{From: 10 * time.Second, Until: 30 * time.Second}) || len(f.Unexcused()) != 1 {
		t.Errorf("%v after the last write", p)
	}
	f.Run.Bound = 0
	if len(f.Unexcused()) > 0 {
		t.Error("a history without a bound has a pause that is too long")
	}
}
