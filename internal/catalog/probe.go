package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/owntime"
)

const (
	// maxMisses is how many probes in a row a plugin may leave unanswered that
	// could have answered.
	maxMisses = 3
	// mostMisses is how many any plugin may leave unanswered, also one that is
	// busy or while others are late too.
	mostMisses = 20
	// probeSteps is in how many steps a probe's time is measured.
	probeSteps = 10
)

// trial is what is held against a plugin since its last sign of life.
type trial struct {
	misses int
	seen   activity // at the last miss
	spared string   // why the plugin gets more time, as the log has it; "" if it does not
}

// probe reports whether the plugin gave a sign of life. Time in which this host
// did not run itself does not count, and any answer is a sign of life, however
// late.
func (l *processLife) probe() bool {
	timeout := l.slot.catalog.options.ProbeTimeout
	answered := l.session.Answered()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	asked := make(chan error, 1)
	go func() { asked <- l.session.Probe(ctx) }()
	ticker := time.NewTicker(timeout / probeSteps)
	defer ticker.Stop()
	watch := owntime.Begin(timeout / probeSteps)
	for waited := time.Duration(0); waited < timeout; {
		select {
		case err := <-asked:
			if err == nil {
				return true
			}
			asked = nil // so many are unanswered that it was not asked; the time passes all the same
		case <-l.session.Done():
			return false
		case <-l.runner.exited:
			return false
		case reason := <-l.hung:
			l.hang(reason) // for watch
			return false
		case <-ticker.C:
			counts, late := watch.Pass()
			waited += counts
			l.slot.catalog.tardy.late.Add(int64(late))
		}
	}
	return l.session.Answered() > answered
}

// missed takes that a probe was not answered, and returns why the plugin is hung;
// empty if it is not proved yet.
func (l *processLife) missed(t *trial) (reason string) {
	select {
	case <-l.session.Done():
		return "" // and that is why
	default:
	}
	before := t.seen
	t.misses++
	t.seen = activityOf(l.pid())
	l.slot.missed.Add(1)
	if l.process == nil { // what a debugger holds up says nothing of this host either
		if t.misses >= maxMisses {
			l.spare(t, "it is attached, and a debugger may have stopped it", "never")
		}
		return ""
	}
	l.slot.catalog.tardy.enter(l)
	timeout := l.slot.catalog.options.ProbeTimeout
	if t.misses < maxMisses {
		return ""
	}
	if t.misses < mostMisses {
		if why := l.excuse(before, t.seen, timeout); why != "" {
			l.spare(t, why, (mostMisses * timeout).String())
			return ""
		}
	}
	reason = fmt.Sprintf("did not answer %d probes of %v each", t.misses, timeout)
	if what := l.session.Occupied(); what != "" {
		reason += ", after it was asked " + what
	}
	return reason
}

// excuse is why a plugin that does not answer may be well all the same; empty if
// there is no reason to think so.
func (l *processLife) excuse(before, now activity, wait time.Duration) string {
	switch {
	case now.suspended:
		return ""
	case l.slot.catalog.tardy.others(l):
		return "other plugins are late too: the machine or this host has no time for them"
	case now.runs(before, wait):
		return "it is busy, or waits for a processor"
	}
	return ""
}

// spare logs, once, that the plugin gets more time.
func (l *processLife) spare(t *trial, why, hungAfter string) {
	if t.spared == "" {
		l.output.log().Warn("plugin answers late and gets more time", "why", why, "unanswered", t.misses,
			"hung_after", hungAfter)
	}
	t.spared = why
}

// answered takes a sign of life.
func (l *processLife) answered(t *trial) {
	if t.misses == 0 {
		return
	}
	l.slot.catalog.tardy.leave(l)
	if t.spared != "" {
		l.output.log().Info("plugin answers again", "unanswered", t.misses)
	}
	*t = trial{}
}
