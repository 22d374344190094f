package sdk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/sdk"
)

// Work is shown from its beginning to its end, the one begun last, and its progress goes on
// from one work to the next.
func TestWorkIsShown(t *testing.T) {
	var w sdk.Work
	var _ plugins.BusyReporter = &w
	is := func(what string, progress uint64) {
		t.Helper()
		if got, want := w.Busy(), (plugins.Busy{What: what, Progress: progress}); got != want {
			t.Errorf("it says %+v, want %+v", got, want)
		}
	}
	is("", 0)
	w.Advance(2) // before it begins
	outer := w.Begin("compacting")
	w.Advance(3)
	is("compacting", 5)
	inner := w.Begin("writing the index")
	w.Advance(1)
	is("writing the index", 6)
	inner()
	inner()
	is("compacting", 6)
	outer()
	is("", 0)
	defer w.Begin("compacting")()
	is("compacting", 6)
}

// The progress rises with each Advance, also of a caller that counts wrongly: a number that was
// negative is a large one.
func TestProgressNeverFalls(t *testing.T) {
	var w sdk.Work
	defer w.Begin("compacting")()
	for was := uint64(0); was < 10<<40; {
		negative := -1
		w.Advance(uint64(negative))
		now := w.Busy().Progress
		if now <= was {
			t.Fatalf("after a progress of %d it says %d", was, now)
		}
		was = now
	}
}

// A host takes each name of work, as Work shows it.
func TestNamesOfWorkAreShownAsAHostTakesThem(t *testing.T) {
	for what, want := range map[string]string{
		"":                               "work",
		" \n\t":                          "work",
		"two\nlines":                     "two lines",
		"\x1b[2Jsteering":                "[2Jsteering",
		"bad \xff utf-8":                 "bad   utf-8",
		strings.Repeat("ü", 100):         strings.Repeat("ü", 64),
		strings.Repeat("ü", 63) + "a€bc": strings.Repeat("ü", 63) + "a",
	} {
		var w sdk.Work
		w.Begin(what)
		got := w.Busy()
		if got.What != want {
			t.Errorf("%q is shown as %q, want %q", what, got.What, want)
		}
		if _, err := new(pluginrpc.Occupations).Heard(got, time.Now()); err != nil {
			t.Errorf("%q: %v", what, err)
		}
	}
}
