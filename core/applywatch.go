package core

import (
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/owntime"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// applyWatch is the memory of the watchdog of Apply and Restore between two looks, which come an
// election apart. A state machine that does not answer is hung after a while. One that tells its
// long work is left alone as long as its progress rises within each such while, and mostBusy of
// them have not passed. The last rise counts also when the work has ended.
type applyWatch struct {
	election           time.Duration
	apply, restore, at *owntime.Age
	told               time.Duration // the age of the stall when the log was last told of it
	spared             bool          // the stall has been counted as one that was spared
}

func newApplyWatch(election time.Duration) *applyWatch {
	return &applyWatch{
		election: election,
		apply:    owntime.NewAge(election), restore: owntime.NewAge(election), at: owntime.NewAge(election),
	}
}

// finding is the result of one look.
type finding struct {
	text   string        // for the log; empty if there is nothing to tell
	since  time.Duration // of the call
	hung   bool
	spared bool // it would be hung if it were not busy, and was not so at the last look
}

// look takes for how long calls have not been answered, and what the state machine is at.
func (w *applyWatch) look(apply time.Duration, restore server.RestoreStall, o catalog.Occupation) (f finding) {
	rose := time.Duration(0) // how long ago; only a rise counts, and not that it begins to be busy
	if !o.Rose.IsZero() {
		rose = time.Since(o.Rose)
	}
	rose = w.at.Own(rose)
	apply, restore.For = w.apply.Own(apply), w.restore.Own(restore.For)
	for _, s := range stalls(apply, restore, w.election) {
		if s.since >= s.warn {
			still := s.since
			if !o.Rose.IsZero() {
				still = min(still, rose)
			}
			return w.judge(s, o, still)
		}
	}
	w.told, w.spared = 0, false
	return finding{}
}

// judge looks at a call that is late. One that another call follows is younger.
func (w *applyWatch) judge(s stall, o catalog.Occupation, still time.Duration) finding {
	if s.since < w.told {
		w.told, w.spared = 0, false
	}
	f := finding{text: s.text, since: s.since.Round(time.Millisecond), hung: s.since >= s.kill}
	// Work that has ended leaves the call the time that its last rise gives: it begins then.
	if o.What != "" || still < min(s.since, s.kill) {
		f = w.judgeBusy(f, s, o, still)
	}
	if f.text != "" {
		w.told = s.since
	}
	return f
}

// judgeBusy is judge for a state machine that says what it is at, or did so lately. The log hears of it once in
// the time that another one would have.
func (w *applyWatch) judgeBusy(f finding, s stall, o catalog.Occupation, still time.Duration) finding {
	gets := fmt.Sprintf("; it is busy with %q, and its progress of %d has not risen for %v", o.What, o.Progress, still.Round(time.Millisecond))
	if o.What == "" {
		gets = fmt.Sprintf("; it was busy, and its progress rose %v ago", still.Round(time.Millisecond))
	}
	switch {
	case f.hung && still >= s.kill:
		f.text += gets
		return f
	case f.hung && s.since/mostBusy >= s.kill:
		f.text += gets + "; it has been busy for too long"
		return f
	}
	f.spared = f.hung && !w.spared
	w.spared = w.spared || f.spared
	f.hung, f.text = false, f.text+gets
	if w.told > 0 && s.since-w.told < s.kill && !f.spared {
		f.text = ""
	}
	return f
}

// workOf is the long work of a plugin, by its own word; nil if it has none.
func workOf(o catalog.Occupation) *server.Work {
	if o.What == "" {
		return nil
	}
	w := &server.Work{What: o.What, Progress: o.Progress, For: time.Since(o.Since)}
	if w.Still = w.For; o.Rose.After(o.Since) {
		w.Still = time.Since(o.Rose)
	}
	return w
}
