package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// applyWindow is how many batches the state machine may have at a time. With
// one it would idle while the next is on its way; more only splits batches.
const applyWindow = 2

// driver feeds one state machine. Work goes from the queue to the backlog, from
// there to inflight, and is answered in this order; work without an answer when
// the state machine fails is the backlog of the next one.
type driver struct {
	s        *Server
	ctx      context.Context
	m        RunningStateMachine
	at       uint64 // index that the state machine is known to have
	backlog  [][]work
	inflight []submission
	applier  statemachine.Applier // nil while closed
	outcomes chan outcome
	reading  patience // with the storage that the queue's rest is in
	// time is that of the last entry that the state machine has or was given; timed tells
	// that it is known, and so the version.
	time  uint64
	timed bool
	ticks bool // the state machine knows ticks
	// version is that of the next command that is given, known if timed. commands are those
	// that the state machine applies.
	version  uint32
	commands plugins.Versions
	hashName uint64    // of the hash of the state; 0 if it has none
	answered time.Time // when the last batch was
	// replaying is the part of a replay that is not answered; lent tells that the state
	// machine is lent to queries and snapshots.
	replaying []work
	lent      bool
}

// submission is a batch that the state machine has not answered.
type submission struct {
	items   []work
	prepare bool   // it asked for a snapshot
	hash    bool   // it asked for the hash of the state
	time    uint64 // after it
	at      time.Time
}

// outcome is one Recv.
type outcome struct {
	statemachine.Outcome
	err error
}

// errEnded: the state machine's process is gone, and nothing is known of how.
var errEnded = errors.New("process ended")

// ended says how the process ended, and over what.
func (d *driver) ended() error {
	err := cmp.Or(d.m.Err(), errEnded)
	if len(d.inflight) > 0 {
		err = fmt.Errorf("%s: %w", d.doing(), err)
	}
	return err
}

// run brings the state machine to the applied index and feeds it from there.
func (d *driver) run() error {
	if err := d.recover(); err != nil {
		return err
	}
	d.refill()
	if len(d.backlog) == 0 || d.backlog[0][0].restore == nil {
		if err := d.open(); err != nil {
			return err
		}
	} // else the restore opens
	return d.loop()
}

// unanswered is what the next state machine is to be given.
func (d *driver) unanswered() [][]work {
	var list [][]work
	for i := range d.inflight {
		if d.inflight[i].prepare {
			d.s.snapshots.abandoned()
		}
		list = append(list, d.inflight[i].items)
	}
	return append(list, d.backlog...)
}

// open opens the pipeline, begins to receive, and lets queries in.
func (d *driver) open() error {
	applier, err := statemachine.OpenApplier(d.ctx, d.m)
	if err != nil {
		return fmt.Errorf("open apply stream: %w", err)
	}
	d.applier = applier
	// Room for the whole window and an error: an honest receiver never waits.
	d.outcomes = make(chan outcome, applyWindow+1)
	go receive(d.ctx, applier, d.outcomes)
	d.lend()
	d.s.wake = statemachine.NextTimer(d.m)
	return nil
}

func receive(ctx context.Context, applier statemachine.Applier, outcomes chan<- outcome) {
	for {
		out, err := applier.Recv()
		select {
		case outcomes <- outcome{out, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// refill takes from the queue, of what it has in memory, if nothing older waits.
func (d *driver) refill() {
	if len(d.backlog) > 0 {
		return
	}
	if items := d.s.queue.take(d.s.cfg.Limits.BatchBytes()); items != nil {
		d.backlog = append(d.backlog, items)
	}
}

// loop gives work while there is room in the window.
func (d *driver) loop() error {
	for {
		if err := d.checkParted(); err != nil {
			return err
		}
		for len(d.inflight) < d.window() && !d.s.ended() {
			d.refill()
			if len(d.backlog) == 0 {
				if err := d.reread(); err != nil {
					return err
				}
			}
			if len(d.backlog) == 0 {
				break
			}
			if err := d.give(); err != nil {
				return err
			}
		}
		if err := d.prepareNow(); err != nil {
			return err
		}
		select {
		case out := <-d.outcomes:
			if err := d.finish(out); err != nil {
				return err
			}
		case <-d.s.queue.wake:
		case r := <-d.s.restarts:
			return d.beginRestart(r)
		case t := <-d.s.takeovers:
			if err := d.standStill(t); err != nil {
				return err
			}
		case <-d.s.queue.done:
			return d.settle() // an Apply is never cancelled half-way
		case <-d.m.Done():
			return d.ended()
		}
	}
}

// give hands the oldest work of the backlog to the state machine.
func (d *driver) give() error {
	items := d.backlog[0]
	if items[0].restore != nil {
		if err := d.restore(&items[0]); err != nil {
			return err // it stays in the backlog
		}
		d.backlog = d.backlog[1:]
		return nil
	}
	if err := d.checkOrder(items); err != nil {
		return err
	}
	if err := d.knowTime(); err != nil {
		return err
	}
	d.apart()
	items, d.backlog = d.backlog[0], d.backlog[1:]
	return d.submit(items)
}

// submit hands a batch to the state machine. A part that is applied already,
// because raft gives it out again after a restart of the storage or because a
// snapshot has it, is only acknowledged; the results of what is above the
// applied index and yet known to the state machine come back as skipped.
func (d *driver) submit(items []work) error {
	s := d.s
	last := items[len(items)-1].last()
	if applied, _ := s.progress.get(); last <= applied {
		s.answer(items, nil)
		return nil
	}
	b := d.batch(items)
	if err := d.checkVersion(&b); err != nil {
		return err
	}
	b.NoResults = !s.awaited(items)
	prepare := s.snapshots.due(b.Through, items) && d.mayPrepare()
	d.inflight = append(d.inflight, submission{items: items, prepare: prepare, hash: b.Hash, time: d.time, at: d.waitsForApply()})
	s.given = max(s.given, last)
	if err := d.applier.Submit(b, prepare); err != nil {
		return fmt.Errorf("apply [%d,%d]: %w", items[0].apply.First, b.Through, d.whyBroken(err))
	}
	return nil
}

// mayPrepare tells whether a snapshot that is due may be prepared. Beside a suspect it may
// not: it is wanted after that.
func (d *driver) mayPrepare() bool {
	if !d.s.poison.suspects() {
		return true
	}
	d.s.snapshots.abandoned()
	d.s.snapshots.want()
	return false
}

// waitsForApply has the watchdog of Apply begin to count, unless it does. It returns the time.
func (d *driver) waitsForApply() time.Time {
	now := time.Now()
	d.s.applyStall.CompareAndSwap(nil, &now)
	return now
}

// brokenGrace is longer than a host takes to learn how a plugin ended whose stream broke.
const brokenGrace = 2 * time.Second

// whyBroken is why a batch could not be submitted: a pipeline that has ended
// says so only to those who receive.
func (d *driver) whyBroken(err error) error {
	if !errors.Is(err, plugins.ErrClosed) {
		return err
	}
	timer := time.NewTimer(max(d.s.cfg.Election, brokenGrace))
	defer timer.Stop()
	for {
		select {
		case out := <-d.outcomes:
			if out.err != nil {
				return out.err
			}
			if err := d.finish(out); err != nil {
				return err
			}
		case <-d.m.Done():
			return cmp.Or(d.m.Err(), err)
		case <-timer.C:
			return err
		}
	}
}

// prepareNow asks for a snapshot that is wanted although nothing is left to be
// applied: with a batch without entries.
func (d *driver) prepareNow() error {
	s := d.s
	a := s.latest
	applied, _ := s.progress.get()
	if len(d.inflight)+len(d.backlog) > 0 || a.Last != applied || !s.snapshots.isWanted() || s.ended() {
		return nil
	}
	if err := d.knowTime(); err != nil { // the snapshot's header has it
		return err
	}
	items := []work{{apply: a}}
	if !s.snapshots.due(a.Last, items) {
		return nil
	}
	d.inflight = append(d.inflight, submission{items: items, prepare: true, time: d.time, at: d.waitsForApply()})
	if err := d.applier.Submit(d.batch(items), true); err != nil {
		return fmt.Errorf("prepare snapshot %d: %w", a.Last, d.whyBroken(err))
	}
	return nil
}

// settle waits until everything submitted is answered.
func (d *driver) settle() error {
	for len(d.inflight) > 0 {
		select {
		case out := <-d.outcomes:
			if err := d.finish(out); err != nil {
				return err
			}
		case <-d.m.Done():
			return d.ended()
		}
	}
	return nil
}

// doing names the oldest batch that is not answered, for errors.
func (d *driver) doing() string {
	if len(d.inflight) == 0 {
		return "apply"
	}
	items := d.inflight[0].items
	return fmt.Sprintf("apply [%d,%d]", items[0].apply.First, items[len(items)-1].last())
}

// observe notes how long a batch took that was answered now. The state machine has one batch
// after the other, so the time before the last answer was not this one's.
func (d *driver) observe(sub *submission, now time.Time, took time.Duration) {
	since := sub.at
	if d.answered.After(since) {
		since = d.answered
	}
	d.answered = now
	split(d.s.metrics.timings.applyHop, d.s.metrics.timings.apply, now.Sub(since), took)
}

// finish takes the answer to the oldest batch.
func (d *driver) finish(out outcome) error {
	if out.err != nil {
		return fmt.Errorf("%s: %w", d.doing(), out.err)
	}
	if len(d.inflight) == 0 {
		return errors.New("state machine answered a batch that it was not given")
	}
	sub := d.inflight[0]
	last := &sub.items[len(sub.items)-1]
	n := d.count(sub.items)
	switch {
	case len(out.Results) != n:
		return fmt.Errorf("state machine gave %d results for %d entries up to %d", len(out.Results), n, last.last())
	case out.Applied < last.last():
		return fmt.Errorf("state machine has applied %d after a batch up to %d", out.Applied, last.last())
	}
	if sub.hash {
		if err := d.hashed(last.last(), out.Hash); err != nil {
			return err
		}
	}
	d.inflight[0] = submission{}
	d.inflight = d.inflight[1:]
	d.at = max(d.at, last.last())
	d.s.durability.said(out.Durable)
	if d.ticks { // else it has not said that it has timers
		d.s.wake = out.Wake
	}
	if a := last.apply; a.Term > 0 {
		d.s.latest = node.Apply{First: a.Last, Last: a.Last, Term: a.Term, Registry: a.Registry}
	}
	now := time.Now()
	d.observe(&sub, now, out.Took)
	d.s.applyStall.Store(nil)
	if len(d.inflight) > 0 {
		since := now
		d.s.applyStall.Store(&since)
	}
	results := d.results(sub.items, out.Results)
	if before, _ := d.s.progress.get(); last.last() > before {
		d.m.Progressed()
	}
	d.s.answer(sub.items, results)
	d.reached(last.last())
	d.s.metrics.applyEntries.Observe(float64(n))
	if sub.prepare || out.Snapshot != nil {
		d.s.snapshots.take(out.Snapshot, last.apply, sub.time)
	}
	return nil
}
