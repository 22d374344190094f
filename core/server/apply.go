package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// applyWindow is how many batches the state machine may have at a time. With
// one it would idle while the next is on its way; more only splits batches.
const applyWindow = 2

// run is the server goroutine: it starts the state machine, brings it to the
// applied index, and gives it what raft commits. A state machine that dies is
// started again and replayed, as often as the source allows; what it had not
// answered is given to the next one.
func (s *Server) run() {
	defer close(s.done)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var unanswered [][]work
	for !s.ended() {
		m, err := s.startMachine(ctx)
		if err == nil {
			unanswered, err = s.drive(ctx, m, unanswered)
			s.machine.Store(nil)
			s.applyStall.Store(0)
		}
		if s.ended() {
			break
		}
		if errors.Is(err, ErrPermanent) {
			s.err = fmt.Errorf("state machine cannot be used: %w", err)
			return
		}
		if m != nil {
			m.Kill()
		}
		s.logger.Error("state machine failed, starting it again", "error", err)
	}
	close(s.idle)
	<-s.stop // law 5: the server goroutine ends last
}

// ended tells whether nothing more is to be applied.
func (s *Server) ended() bool {
	select {
	case <-s.queue.done:
		return true
	default:
		return false
	}
}

// startMachine starts the plugin, but not while the host is stopping.
func (s *Server) startMachine(ctx context.Context) (RunningStateMachine, error) {
	ctx, cancel := s.untilEnded(ctx)
	defer cancel()
	return s.cfg.StateMachine.Start(ctx)
}

// untilEnded is a context that ends with the use of the state machine.
func (s *Server) untilEnded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-s.queue.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// drive uses one state machine until it fails or the queue is closed, and
// returns the work that it did not answer.
func (s *Server) drive(ctx context.Context, m RunningStateMachine, unanswered [][]work) ([][]work, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // an Apply that runs is not cancelled by a stop: law 4
	if err := s.recoverMachine(ctx, m, m.Applied()); err != nil {
		return unanswered, err
	}
	d := &driver{s: s, ctx: ctx, m: m}
	if err := d.open(); err != nil {
		return unanswered, err
	}
	s.machine.Store(&m)
	for i, items := range unanswered {
		if err := d.submit(items); err != nil {
			return append(d.inflight, unanswered[i+1:]...), err
		}
		if err := d.settle(); err != nil {
			return append(d.inflight, unanswered[i+1:]...), err
		}
	}
	err := d.loop()
	return d.inflight, err
}

// driver feeds one state machine.
type driver struct {
	s        *Server
	ctx      context.Context
	m        RunningStateMachine
	applier  statemachine.Applier
	outcomes chan outcome
	inflight [][]work
}

// outcome is one Recv.
type outcome struct {
	statemachine.Outcome
	err error
}

// open opens the pipeline and starts to receive.
func (d *driver) open() error {
	applier, err := statemachine.OpenApplier(d.ctx, d.m)
	if err != nil {
		return fmt.Errorf("open apply stream: %w", err)
	}
	d.applier = applier
	// Room for the whole window and an error: the receiver never waits.
	d.outcomes = make(chan outcome, applyWindow+1)
	go receive(applier, d.outcomes)
	return nil
}

func receive(applier statemachine.Applier, outcomes chan<- outcome) {
	for {
		out, err := applier.Recv()
		outcomes <- outcome{out, err}
		if err != nil {
			return
		}
	}
}

// loop submits while there is room in the window.
func (d *driver) loop() error {
	for {
		for len(d.inflight) < applyWindow {
			items := d.s.queue.take(d.s.cfg.Limits.MaxBatchBytes)
			if items == nil {
				break
			}
			if err := d.give(items); err != nil {
				return err
			}
		}
		select {
		case out := <-d.outcomes:
			if err := d.finish(out); err != nil {
				return err
			}
		case <-d.s.queue.wake:
		case <-d.s.queue.done:
			return d.settle() // an Apply is never cancelled half-way
		case <-d.m.Done():
			return errors.New("process ended")
		}
	}
}

// give submits applies, or restores a snapshot when everything before it is
// answered.
func (d *driver) give(items []work) error {
	if items[0].restore == nil {
		return d.submit(items)
	}
	if err := d.settle(); err != nil {
		return err
	}
	if applied, _ := d.s.progress.get(); items[0].last() <= applied {
		return nil
	}
	if err := d.applier.Close(); err != nil {
		return fmt.Errorf("close apply stream: %w", err)
	}
	if err := d.s.restoreMachine(d.ctx, d.m, items[0].last()); err != nil {
		return err
	}
	return d.open()
}

// submit hands a batch to the state machine. What it has already, because raft
// gives it out again after a restart of the storage, is only acknowledged.
func (d *driver) submit(items []work) error {
	s := d.s
	applied, _ := s.progress.get()
	if items[len(items)-1].last() <= applied {
		s.applied(items)
		return nil
	}
	b := batch(items)
	prepare := s.snapshots.due(b.Through, items)
	d.inflight = append(d.inflight, items)
	s.applyStall.CompareAndSwap(0, time.Now().UnixNano())
	if err := d.applier.Submit(b, prepare); err != nil {
		return fmt.Errorf("apply [%d,%d]: %w", items[0].apply.First, b.Through, err)
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
			return errors.New("process ended")
		}
	}
	return nil
}

// finish takes the answer to the oldest batch.
func (d *driver) finish(out outcome) error {
	if out.err != nil {
		return fmt.Errorf("apply: %w", out.err)
	}
	if len(d.inflight) == 0 {
		return errors.New("state machine answered a batch that it was not given")
	}
	items := d.inflight[0]
	n := 0
	for i := range items {
		n += len(items[i].apply.Commands)
	}
	if len(out.Results) != n {
		return fmt.Errorf("state machine gave %d results for %d entries up to %d", len(out.Results), n, items[len(items)-1].last())
	}
	d.inflight[0] = nil
	d.inflight = d.inflight[1:]
	d.s.applyStall.Store(0)
	if len(d.inflight) > 0 {
		d.s.applyStall.Store(time.Now().UnixNano())
	}
	d.s.answer(items, out.Results)
	if out.Snapshot != nil {
		d.s.snapshots.take(out.Snapshot, items[len(items)-1].apply)
	}
	return nil
}

// answer ends the requests whose entries were applied.
func (s *Server) answer(items []work, results []statemachine.Result) {
	type ended struct {
		w      *waiter
		result Result
		err    error
	}
	list := make([]ended, 0, len(results))
	s.mu.Lock()
	i := 0
	for k := range items {
		a := &items[k].apply
		for _, c := range a.Commands {
			if w := s.takeWaiter(c.ID); w != nil {
				r := &results[i]
				list = append(list, ended{w: w, result: Result{Index: c.Index, Data: r.Data, Error: r.Error, Lost: r.Skipped}})
			}
			i++
		}
		for _, c := range a.Changes {
			if w := s.takeWaiter(c.ID); w != nil {
				list = append(list, ended{w: w, result: Result{Index: a.Last}, err: c.Err})
			}
		}
	}
	s.mu.Unlock()
	s.applied(items)
	for i := range list {
		list[i].w.done(list[i].result, list[i].err)
	}
	s.metrics.proposals.WithLabelValues("applied").Add(float64(len(list)))
	s.metrics.applyEntries.Observe(float64(len(results)))
}

// applied moves the applied index on and tells raft.
func (s *Server) applied(items []work) {
	last := &items[len(items)-1]
	s.progress.advance(last.last(), last.apply.Registry)
	if last.node != nil {
		last.node.ApplyDone(last.apply.Number)
	}
}
