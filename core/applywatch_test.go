package core

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
)

// watched drives the watchdog over a state machine that leaves one call unanswered, and returns
// when that was hung, zero if it was not within so long, with the lines of the log. says is
// what the state machine says after so long.
func watched(t *testing.T, long time.Duration, says func(time.Duration) plugins.Busy) (hung time.Duration, lines []string, spared int) {
	t.Helper()
	const election = time.Second
	w, began, words := newApplyWatch(election), time.Now(), pluginrpc.Occupations{}
	for time.Since(began) < long {
		<-time.After(election) // of the bubble
		o, err := words.Heard(says(time.Since(began)), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		f := w.look(time.Since(began), server.RestoreStall{}, o)
		if f.text != "" {
			lines = append(lines, f.text)
		}
		if f.spared {
			spared++
		}
		if f.hung {
			return time.Since(began), lines, spared
		}
	}
	return 0, lines, spared
}

// A state machine that says what it is busy with, and whose progress rises within each time
// that another one has, is left alone, and the log says with what. It is not for ever.
func TestABusyStateMachineIsLeftAlone(t *testing.T) {
	_, kill := applyLimits(time.Second)
	rising := func(each time.Duration) func(time.Duration) plugins.Busy {
		return func(after time.Duration) plugins.Busy {
			return plugins.Busy{What: "compacting", Progress: uint64(after / each)}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		hung, lines, spared := watched(t, 50*kill, rising(kill-2*time.Second))
		if hung != 0 || spared != 1 {
			t.Errorf("hung after %v, spared %d times", hung, spared)
		}
		if n := len(lines); n < 25 || n > 60 || !strings.Contains(lines[n-1], `busy with "compacting"`) {
			t.Errorf("%d lines: %q", n, lines)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		hung, lines, _ := watched(t, 1000*kill, rising(time.Second))
		if hung < mostBusy*kill || hung > (mostBusy+1)*kill || !strings.Contains(lines[len(lines)-1], "for too long") {
			t.Errorf("hung after %v: %s", hung, lines[len(lines)-1])
		}
	})
}

// Work that has ended does not take away what its last rise gave: an apply begins when a long
// compaction is over, and has the time of another one. After that it is hung.
func TestTheEndOfWorkIsNotTheEndOfPatience(t *testing.T) {
	_, kill := applyLimits(time.Second)
	synctest.Test(t, func(t *testing.T) {
		hung, lines, spared := watched(t, 20*kill, func(after time.Duration) plugins.Busy {
			if after > 5*kill {
				return plugins.Busy{}
			}
			return plugins.Busy{What: "compacting", Progress: uint64(after / time.Second)}
		})
		if hung < 6*kill || hung > 6*kill+5*time.Second || spared != 1 {
			t.Errorf("hung after %v, want %v; spared %d times", hung, 6*kill, spared)
		}
		if last := lines[len(lines)-1]; last != "has not answered an apply" {
			t.Errorf("the last line is %q", last)
		}
	})
}

// A state machine that is heard between two works has not stopped to get on.
func TestAPauseBetweenTwoWorksIsNotAnEnd(t *testing.T) {
	_, kill := applyLimits(time.Second)
	synctest.Test(t, func(t *testing.T) {
		hung, _, spared := watched(t, 20*kill, func(after time.Duration) plugins.Busy {
			if n := uint64(after / time.Second); n%2 == 0 {
				return plugins.Busy{What: "compacting a table", Progress: n}
			}
			return plugins.Busy{} // between two tables
		})
		if hung != 0 || spared != 1 {
			t.Errorf("hung after %v, spared %d times", hung, spared)
		}
	})
}

// One whose progress stands still, falls, or does not come, is hung as any other, whatever else
// it says. Rule SM-54.
func TestABusyStateMachineThatDoesNotGetOnIsHung(t *testing.T) {
	_, kill := applyLimits(time.Second)
	for name, says := range map[string]func(time.Duration) plugins.Busy{
		"silent":         func(time.Duration) plugins.Busy { return plugins.Busy{} },
		"without number": func(time.Duration) plugins.Busy { return plugins.Busy{What: "compacting"} },
		"still":          func(time.Duration) plugins.Busy { return plugins.Busy{What: "compacting", Progress: 7} },
		"at the end":     func(time.Duration) plugins.Busy { return plugins.Busy{What: "compacting", Progress: 1<<64 - 1} },
		"falling": func(after time.Duration) plugins.Busy {
			return plugins.Busy{What: "compacting", Progress: 1e6 - uint64(after/time.Second)}
		},
		"to and fro": func(after time.Duration) plugins.Busy {
			return plugins.Busy{What: "compacting", Progress: uint64(after/time.Second) % 2}
		},
		"now and then": func(after time.Duration) plugins.Busy {
			if after/time.Second%2 == 0 {
				return plugins.Busy{}
			}
			return plugins.Busy{What: "compacting", Progress: 7}
		},
		"of many names": func(after time.Duration) plugins.Busy {
			return plugins.Busy{What: "compacting " + after.String(), Progress: 7}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hung, lines, _ := watched(t, 10*kill, says)
				if hung < kill || hung > kill+5*time.Second {
					t.Errorf("hung after %v, want %v", hung, kill)
				}
				if name == "without number" && strings.Contains(strings.Join(lines, ""), "rose") {
					t.Errorf("progress that never came is said to have risen: %q", lines)
				}
				if last := lines[len(lines)-1]; name == "still" && !strings.Contains(last, `busy with "compacting", and its progress of 7 has not risen for`) {
					t.Errorf("the last line is %q", last)
				}
			})
		})
	}
}

// A call that follows another one has the whole of its time, and is counted and told of by
// itself.
func TestEachCallHasItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newApplyWatch(time.Second)
		for range 3 {
			for age := time.Second; age < 39*time.Second; age += time.Second {
				<-time.After(time.Second)
				if f := w.look(age, server.RestoreStall{}, pluginrpc.Occupation{}); f.hung || (f.text != "") != (age >= 2*time.Second) {
					t.Fatalf("at %v: %+v", age, f)
				}
			}
		}
	})
}
