package core

import (
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/patience"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// Apply is never cancelled half-way (law 4), but watched: after this much it
// is complained about, and the member unfit to lead (diagnose), then the plugin is
// killed and its successor replays.
func applyLimits(election time.Duration) (warn, kill time.Duration) {
	return 2 * election, patience.Apply(election)
}

// restoreLimits are the same for a Restore that neither takes bytes nor answers.
func restoreLimits(election time.Duration, bytes uint64) (warn, kill time.Duration) {
	kill = patience.Restore(election, bytes)
	return kill / 2, kill
}

// mostBusy is how many times as long as another one a state machine may leave a call
// unanswered that says what it is busy with, and gets on with it.
const mostBusy = 100

// stall is a call that the state machine does not answer.
type stall struct {
	text       string // of what, and how it stands
	warn, kill time.Duration
	since      time.Duration
}

// stalls are the calls that are watched, as they are now.
func stalls(apply time.Duration, restore server.RestoreStall, election time.Duration) (list []stall) {
	warn, kill := applyLimits(election)
	list = append(list, stall{"has not answered an apply", warn, kill, apply})
	if restore.For > 0 {
		warn, kill = restoreLimits(election, restore.Bytes)
		list = append(list, stall{
			fmt.Sprintf("has taken %d of %d bytes of the snapshot at index %d, and has neither taken more nor answered", restore.Read, restore.Bytes, restore.Index),
			warn, kill, restore.For,
		})
	}
	return list
}

// watchApply is the watchdog of Apply and of Restore. It counts the time in which
// this host was there to hear an answer.
func (h *Host) watchApply() {
	w := newApplyWatch(h.cfg.Election)
	for !pause.Until(h.life.Done(), h.cfg.Election) {
		in := h.machine.current()
		if in == nil {
			continue
		}
		f := w.look(h.server.ApplyStalled(), h.server.RestoreStalled(), in.Occupation())
		if f.spared {
			h.server.Spared()
		}
		if f.text != "" {
			h.logger.Warn("state machine "+f.text, "plugin", in.Info().Name, "for", f.since)
		}
		if f.hung && !in.Attached() { // nothing is gained by hanging up on what a debugger holds up
			in.Fail(fmt.Errorf("%s for %v: %w", f.text, f.since, catalog.ErrHung))
		}
	}
}
