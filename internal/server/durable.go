package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// durability has the words of the state machines of this process on the state that survives
// the loss of power. Nothing that the host does with the log rests on it: the log is compacted up to
// what a stored snapshot covers, so that a state machine which keeps less than it promised,
// or nothing, is brought to the applied index all the same. It says how much of that it costs.
type durability struct {
	mu sync.Mutex
	// offered tells that the present state machine has the capability; index is the last
	// durable index that it, or one before it, has said.
	offered bool
	index   uint64
	// machines is how many have opened: a Sync may answer when its own is gone.
	machines uint64
	// syncing is the machine whose Sync has not returned; 0 if there is none. A backend inside
	// the host may never return.
	syncing uint64
	// failing tells that the last Sync has failed, which was logged then.
	failing bool
}

// opened takes what a state machine says that was just opened, and returns the durable index
// that one before it has said.
func (d *durability) opened(offered bool, index uint64) (before uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before = d.index
	d.offered, d.index = offered, index
	d.machines++
	return before
}

// said takes the durable index of an answer.
func (d *durability) said(index uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.offered {
		d.index = max(d.index, index)
	}
}

// synced takes the durable index of a Sync that was asked of the latest of so many machines.
// One that has been replaced has nothing to say of its successor.
func (d *durability) synced(machines, index uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.offered && d.machines == machines {
		d.index = max(d.index, index)
	}
}

// asking is known, with how many machines have opened by then.
func (d *durability) asking() (index, machines uint64, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.index, d.machines, d.offered
}

// begin takes that a Sync of the latest of so many machines begins, and is false while one has
// not returned.
func (d *durability) begin(machines uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.syncing == machines {
		return false
	}
	d.syncing = machines
	return true
}

// returned takes that it has returned.
func (d *durability) returned(machines uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.syncing == machines {
		d.syncing = 0
	}
}

// restoring takes that the state at index replaces the present one, perhaps a later one: from
// now on an end leaves either.
func (d *durability) restoring(index uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.index = min(d.index, index)
}

// known is the last durable index; ok is false if the state machine says none.
func (d *durability) known() (index uint64, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.index, d.offered
}

// ended takes how a Sync ended, and tells whether its failure is the first one in a row.
func (d *durability) ended(failed bool) (first bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	first = failed && !d.failing
	d.failing = failed
	return first
}

// heardAtOpen holds the state machine that was just opened to what those before it have said:
// the effect of entries up to the durable index has survived. One that has lost some of it is
// brought to the applied index by a snapshot and the log, and the loss is told: its disk, or
// its word, is of no worth.
func (d *driver) heardAtOpen() {
	s := d.s
	before := s.durability.opened(d.m.Describe().Has(statemachine.CapabilityDurable), statemachine.DurableIndex(d.m))
	// d.at may be less: in a rebuild, what it has kept is not trusted.
	at := d.m.Applied()
	if at >= before {
		return
	}
	s.metrics.durableLost.Inc()
	s.logger.Error("the state machine has lost what it had called durable: it is brought to the applied index by a snapshot and the log",
		"durable", before, "opened_at", at)
}

// SyncPatience is how long a Sync may take before the log is compacted all the same.
func SyncPatience(election time.Duration) time.Duration { return SavePatience(election) }

var (
	// errStillSyncs: a Sync that was given up has not returned.
	errStillSyncs = errors.New("the one before has not returned")
	// errSyncGivenUp: the host stops, or the state machine is needed back.
	errSyncGivenUp = errors.New("the sync was given up")
)

// syncUpTo has the state machine make durable what it has applied, if it says that less than
// index is: once the log is compacted up to there, an end of the process that costs more
// than the log has costs a Restore. It is not needed for more than that, so a failure keeps
// back nothing. It is called by the snapshotter, which waits for no backend that does not heed the
// end of its context.
func (s *Server) syncUpTo(ctx context.Context, index uint64) {
	durable, machines, ok := s.durability.asking()
	if !ok || durable >= index {
		return
	}
	m, ctx, done, ok := s.machine.use(ctx)
	if !ok {
		return // it restores or ends, and either changes what is durable
	}
	if !s.durability.begin(machines) {
		done()
		s.SyncEnded(errStillSyncs)
		return
	}
	timed, cancel := context.WithTimeoutCause(ctx, SyncPatience(s.cfg.Election), errNoAnswer)
	defer cancel()
	synced := make(chan error, 1)
	go func() {
		defer done()
		defer s.durability.returned(machines)
		durable, err := statemachine.Sync(timed, m)
		if err == nil {
			s.durability.synced(machines, durable)
		}
		synced <- s.syncError(ctx, timed, err)
	}()
	select {
	case err := <-synced:
		s.endSync(err)
	case <-timed.Done():
		select {
		case err := <-synced: // its return ends the context too
			s.endSync(err)
		default:
			s.endSync(s.syncError(ctx, timed, timed.Err()))
		}
	}
}

// syncError is how a Sync ended with err, under ctx, and of that for as long as timed.
func (s *Server) syncError(ctx, timed context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return errSyncGivenUp
	case errors.Is(context.Cause(timed), errNoAnswer):
		return fmt.Errorf("%w for %v: %w", errNoAnswer, SyncPatience(s.cfg.Election), err)
	}
	return err
}

// endSync is SyncEnded for one that was not given up for another reason than itself.
func (s *Server) endSync(err error) {
	if !errors.Is(err, errSyncGivenUp) {
		s.SyncEnded(err)
	}
}

// SyncEnded counts a Sync, and logs the first of several that fail.
func (s *Server) SyncEnded(err error) {
	result := "done"
	if err != nil {
		result = "failed"
	}
	s.metrics.syncs.WithLabelValues(result).Inc()
	if s.durability.ended(err != nil) {
		durable, _ := s.durability.known()
		s.logger.Warn("the state machine did not sync: after a loss of power it may need a snapshot and the log", "durable", durable, "error", err)
	}
}
