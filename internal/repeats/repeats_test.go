package repeats_test

import (
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/repeats"
)

const pause = 10 * time.Second

func noon() time.Time { return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC) }

// The first time has a line at once, and then there is one in a pause with how often
// it has happened.
func TestALineInAPause(t *testing.T) {
	var l repeats.Line
	now := noon()
	for i, want := range []int{1, 0, 0, 3, 0, 0, 3} {
		times, due := l.Note(now, pause)
		if due != (want > 0) || due && times != want {
			t.Errorf("time %d: %d times, due %t, want %d", i+1, times, due, want)
		}
		now = now.Add(pause/3 + time.Nanosecond)
	}
}

// Each matter has lines of its own.
func TestMattersAreToldApart(t *testing.T) {
	b := repeats.New[string](repeats.Rule{Pause: pause, Most: 2})
	for _, c := range []struct {
		key    string
		after  time.Duration
		silent int
		due    bool
	}{
		{"a", 0, 0, true},
		{"a", 1, 0, false},
		{"b", 1, 0, true},
		{"a", pause - 1, 0, false},
		{"a", pause, 2, true},
		{"b", pause, 0, false},
		{"b", pause + 1, 1, true},
	} {
		if silent, due := b.Note(c.key, noon().Add(c.after)); silent != c.silent || due != c.due {
			t.Errorf("%s after %v: %d silent, due %t", c.key, c.after, silent, due)
		}
	}
}

// The end of a matter is told with all that was silent, once.
func TestTheEndOfAMatter(t *testing.T) {
	b := repeats.New[string](repeats.Rule{Pause: pause, Most: 2})
	b.Note("a", noon())
	b.Note("a", noon().Add(1))
	b.Note("b", noon().Add(2))
	if gone := b.Ended(noon().Add(pause)); len(gone) != 0 {
		t.Errorf("too early: %v", gone)
	}
	if gone := b.Ended(noon().Add(pause + 1)); len(gone) != 1 || gone["a"] != (repeats.Entry{Since: noon(), Last: noon().Add(1), Said: noon(), Silent: 1}) {
		t.Errorf("ended: %v", gone)
	}
	if _, known := b.End("b"); !known {
		t.Error("b is not known")
	}
	if _, known := b.End("b"); known || b.Len() != 0 {
		t.Error("b ends twice")
	}
}

// Beyond the most there is no line and no memory. A book that forgets takes new
// matters for those that were not spoken of for a pause.
func TestNewMattersFillNothing(t *testing.T) {
	for forgets, lines := range map[bool]int{false: 3, true: 6} {
		b := repeats.New[int](repeats.Rule{Pause: pause, Most: 3, Forgets: forgets})
		got := 0
		for i := range 100 {
			now := noon()
			if i >= 50 {
				now = now.Add(pause)
			}
			if _, due := b.Note(i, now); due {
				got++
			}
		}
		if got != lines || b.Len() != 3 {
			t.Errorf("forgets %t: %d lines, %d are remembered", forgets, got, b.Len())
		}
	}
}
