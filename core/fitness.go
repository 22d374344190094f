package core

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// vitals is what a host observes of a member.
type vitals struct {
	space       storage.Space
	diskStall   time.Duration // age of the oldest append without an answer
	machineDown time.Duration // for how long the state machine has not been up
	applyStall  time.Duration // age of the oldest batch without an answer
	applyLag    time.Duration // age of the oldest commit index that is not applied
	behind      uint64        // committed entries that are not applied
	logStuck    time.Duration // for how long no line of the log was taken
	quarantine  string        // why this member is quarantined; empty if it is not
}

// diagnose says what makes a member with these vitals unfit to lead. The limits
// are such that a leader hands over, and writes go on, within three elections
// of a failure; a single slow fsync is not a failure, nor is a state machine
// that is quick to come back.
func diagnose(v vitals, election time.Duration) (list []server.Unfit) {
	unfit := func(is bool, c node.Condition, format string, args ...any) {
		if is {
			list = append(list, server.Unfit{Condition: c, Text: fmt.Sprintf(format, args...)})
		}
	}
	unfit(v.space.Short, node.ShortOfSpace, "the storage is short of space: %s", v.space.Detail)
	unfit(v.quarantine != "", node.Quarantined, "%s", v.quarantine)
	unfit(v.diskStall > election*3/2, node.DiskStalled, "the storage has not answered an append for %v", seconds(v.diskStall))
	switch {
	case v.machineDown > election/2:
		unfit(true, node.MachineDown, "the state machine has not been up for %v", seconds(v.machineDown))
	case v.applyStall > 2*election:
		unfit(true, node.MachineDown, "the state machine has not answered an apply for %v", seconds(v.applyStall))
	default:
		unfit(v.applyLag > 2*election, node.ApplyLagging, "the state machine is %d entries and %v behind", v.behind, seconds(v.applyLag))
	}
	unfit(v.logStuck > 2*election, node.LogStuck, "nobody has taken the log for %v", seconds(v.logStuck))
	return list
}

// seconds is a duration for people.
func seconds(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }

// fitnessWatch is what a generation knows of its member's fitness.
type fitnessWatch struct {
	last atomic.Pointer[[]server.Unfit] // the last verdict
	lag  lagMark
	seen map[node.Condition]unfitness
	fed  node.Fitness // what raft was told last
	// commands is the last range of the state machine that raft was told.
	commands node.CommandVersions
}

// unfitness is a reason and when it was last found.
type unfitness struct {
	text string
	at   time.Time
}

// lagMark is a commit index that was not applied when it was looked at.
type lagMark struct {
	index uint64 // 0 if everything was
	since time.Time
}

// age is since when there has been something committed that is not applied.
func (m *lagMark) age(commit, applied uint64, now time.Time) time.Duration {
	switch {
	case applied >= commit:
		*m = lagMark{}
	case m.index <= applied:
		*m = lagMark{commit, now}
	}
	if m.index == 0 {
		return 0
	}
	return now.Sub(m.since)
}

// vitals looks at everything once.
func (g *generation) vitals(now time.Time) vitals {
	h := g.h
	v := vitals{
		space: *g.space.last.Load(), diskStall: g.pump.stalled(),
		machineDown: h.server.MachineDown(), applyStall: h.server.ApplyStalled(), quarantine: h.server.Quarantined(),
	}
	commit, applied := g.node.State().Commit, h.server.Applied()
	v.applyLag, v.behind = g.fitness.lag.age(commit, applied, now), commit-min(commit, applied)
	if h.cfg.Log != nil {
		v.logStuck = h.cfg.Log.Stuck()
	}
	return v
}

// settle makes a verdict last for an election after its reason is gone, so that
// a fault that comes and goes does not make the member fit in between. Space is
// the storage's own word, which does not flicker.
func (w *fitnessWatch) settle(found []server.Unfit, election time.Duration, now time.Time) []server.Unfit {
	if w.seen == nil {
		w.seen = map[node.Condition]unfitness{}
	}
	delete(w.seen, node.ShortOfSpace)
	for _, u := range found {
		w.seen[u.Condition] = unfitness{u.Text, now}
	}
	var list []server.Unfit
	for _, c := range node.Unfitting() {
		if u, ok := w.seen[c]; ok && now.Sub(u.at) <= election {
			list = append(list, server.Unfit{Condition: c, Text: u.text})
		}
	}
	return list
}

// firstFitness is what is known before the node runs, so that a node that
// starts short of space refuses its first proposal.
func (g *generation) firstFitness(ctx context.Context) node.Fitness {
	f := node.Fitness{Space: g.firstSpace(ctx)}
	if f.Space.Short {
		f.Condition = node.ShortOfSpace
	}
	g.fitness.fed = f
	return f
}

// assess judges once, and tells raft what is new.
func (g *generation) assess() node.Condition {
	now := time.Now()
	v := g.vitals(now)
	list := g.fitness.settle(diagnose(v, g.h.cfg.Election), g.h.cfg.Election, now)
	g.fitness.last.Store(&list)
	f := node.Fitness{Space: v.space}
	for _, u := range list {
		f.Condition |= u.Condition
	}
	g.tellCommandVersions()
	if before := g.fitness.fed; f != before {
		g.fitness.fed = f
		g.node.Do(func(c *node.Core) error {
			c.SetFitness(f)
			return nil
		})
		g.complain(before.Condition, f.Condition, list)
	}
	return f.Condition
}

// tellCommandVersions tells raft which commands the state machine applies, if it was not
// told before.
func (g *generation) tellCommandVersions() {
	v := g.h.server.CommandVersions()
	if v == g.fitness.commands {
		return
	}
	g.fitness.commands = v
	g.node.Do(func(c *node.Core) error {
		c.SetCommandVersions(v)
		return nil
	})
}

// complain logs what has changed; of space, watchSpace does.
func (g *generation) complain(before, now node.Condition, list []server.Unfit) {
	for _, u := range list {
		if u.Condition != node.ShortOfSpace && !before.Has(u.Condition) {
			g.h.logger.Warn("this member is unfit to lead", "reason", u.Text)
		}
	}
	if now == 0 && before&^node.ShortOfSpace != 0 {
		g.h.logger.Info("this member is fit to lead again")
	}
}

// unfit is what a status says of it.
func (h *Host) unfit() []server.Unfit {
	if g := h.current(); g != nil {
		if list := g.fitness.last.Load(); list != nil {
			return *list
		}
	}
	return nil
}
