package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// recover brings a state machine that was just opened to the applied index.
// Results were given to the clients before, or never will be; they are dropped.
func (d *driver) recover() error {
	s := d.s
	if _, err := s.waitStorage(d.ctx); err != nil {
		return err
	}
	// The node's state is as of its last tick; entries that were given out
	// were in the log.
	if n, _ := s.attached(); n != nil && d.at > max(n.State().Last, s.given) {
		return fmt.Errorf("%w: it has applied entry %d, the log ends at %d: the log was lost or is another one's", ErrPermanent, d.at, n.State().Last)
	}
	if err := d.checkReached(); err != nil {
		return err
	}
	target, _ := s.progress.get()
	if s.poison.suspects() { // a snapshot may have what no state machine here gets past
		target = max(target, s.received.Load())
	}
	return d.bringTo(target)
}

// restore continues from an installed snapshot, when everything before it is
// answered and no other call uses the state machine.
func (d *driver) restore(w *work) error {
	if err := d.settle(); err != nil {
		return err
	}
	index := w.restore.Index
	if d.at < index {
		if err := d.closeApplier(); err != nil {
			return err
		}
		if err := d.bringTo(index); err != nil {
			return err
		}
	}
	d.s.snapshots.attached(index)
	d.s.advance(index, w.registry)
	if d.applier != nil {
		return nil
	}
	return d.open()
}

// closeApplier closes the pipeline and waits until no call uses the state
// machine.
func (d *driver) closeApplier() error {
	idle := d.s.machine.close(nil)
	if d.applier != nil {
		if err := d.applier.Close(); err != nil {
			return fmt.Errorf("close apply stream: %w", err)
		}
		d.applier, d.outcomes, d.lent = nil, nil, false
	}
	select {
	case <-idle:
		return nil
	case <-d.m.Done():
		return d.ended()
	case <-d.s.queue.done:
		return ErrStopping
	}
}

// bringTo brings the state machine to at least the index target: by the newest
// snapshot that is of use if it is ahead of the state machine, then by the
// log. The pipeline is closed. While the storage cannot be read it waits, with
// the state machine as it is: that one has done nothing wrong.
func (d *driver) bringTo(target uint64) error { return d.bring(target, false) }

// bring is bringTo; with timed set, it goes on until the time of what the state machine has
// is known.
func (d *driver) bring(target uint64, timed bool) error {
	for p := (patience{d: d}); d.at < target || timed && !d.timed; {
		n, _ := d.s.attached()
		err := d.tryBringTo(target)
		if h := (helpless{}); errors.As(err, &h) {
			p.over()
			err := d.plead(n, h)
			if errors.Is(err, ErrPermanent) && d.s.tryOn() {
				d.s.pleas = pleas{}
				err = nil
			}
			if err != nil {
				return err
			}
			continue
		}
		if lost := (lostTime{}); errors.As(err, &lost) {
			p.over()
			return lost
		}
		if !isOfStorage(err) {
			p.over()
			if err == nil {
				d.s.pleas = pleas{}
			}
			return err
		}
		if err := p.wait(n, err); err != nil {
			return err
		}
	}
	return nil
}

func (d *driver) tryBringTo(target uint64) error {
	ctx, cancel := d.s.untilEnded(d.ctx)
	defer cancel()
	st, err := d.s.waitStorage(ctx)
	if err != nil {
		return err
	}
	snapshots, err := d.listSnapshots(ctx, st)
	if err != nil {
		return err
	}
	for i := len(snapshots) - 1; i >= 0 && d.at < target; i-- {
		index := snapshots[i].Metadata.Index
		if index <= d.at || index < d.s.hashes.trusted {
			break
		}
		if d.s.useless[index] {
			d.s.snapshots.want() // what this member has is of no use to others, either
			continue
		}
		err := d.restoreMachine(ctx, st, index)
		if errors.Is(err, errOtherFormat) {
			d.s.otherFormat = err
			continue // the state machine has not seen it
		}
		if err != nil {
			return err
		}
		d.reached(index)
		break
	}
	if d.s.hashes.rebuilds {
		return d.s.needsRebuild()
	}
	if err = d.findTime(ctx, st, snapshots); err == nil {
		err = d.replay(st, target)
	}
	switch {
	case errors.Is(err, storage.ErrCompacted) && d.s.worstSnapshot() > 0:
		return helpless{error: errors.Join(d.s.otherFormat, err), newest: d.s.worstSnapshot()}
	case isOfStorage(err) && errors.Is(err, storage.ErrCorrupt):
		return fmt.Errorf("%w: %w", ErrPermanent, err)
	}
	return err
}

func (d *driver) listSnapshots(ctx context.Context, st storage.Storage) ([]storage.SnapshotInfo, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answered := d.asked("list snapshots", cancel)
	list, err := st.ListSnapshots(ctx)
	if err := answered(err); err != nil {
		return nil, storageError{fmt.Errorf("list snapshots: %w", err)}
	}
	d.reading.over()
	return list, nil
}

// waitStorage waits until there is a node with a storage.
func (s *Server) waitStorage(ctx context.Context) (storage.Storage, error) {
	for {
		changed := s.changed.next()
		if _, st := s.attached(); st != nil {
			return st, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.queue.done:
			return nil, ErrStopping
		}
	}
}

// replay applies the log's entries up to target. It ends between two batches
// when the host stops, and then with an error: later entries must not be given
// to a state machine with a gap.
func (d *driver) replay(st storage.Storage, target uint64) error {
	if d.at >= target {
		return nil
	}
	s := d.s
	s.logger.Info("replaying the log to the state machine", "from", d.at+1, "to", target)
	for d.at < target {
		entries, err := d.readMeanwhile(st, d.at+1, target)
		if err != nil {
			return err
		}
		d.reading.over()
		for len(entries) > 0 {
			n := s.poison.part(entries[0].Index, node.UntilEnd(entries))
			if err := d.replayPart(entries[:n]); err != nil {
				return err
			}
			entries = entries[n:]
		}
	}
	return nil
}

// replayPart applies a run of entries. No request waits for their results.
func (d *driver) replayPart(entries []storage.Entry) error {
	s := d.s
	if s.ended() {
		return ErrStopping
	}
	items, err := runOf(entries)
	if err != nil {
		return err
	}
	d.replaying = items
	through := d.replaying[0].last()
	b := d.batch(d.replaying)
	if err := d.checkVersion(&b); err != nil {
		return err
	}
	b.NoResults = true
	s.given = max(s.given, through)
	now := time.Now()
	s.applyStall.Store(&now) // the watchdog of Apply holds here too
	_, err = d.m.Apply(d.ctx, b)
	s.applyStall.Store(nil)
	if err != nil {
		return fmt.Errorf("replay [%d,%d]: %w", entries[0].Index, through, err)
	}
	s.durability.said(statemachine.DurableIndex(d.m))
	if b.Hash {
		if err := d.hashed(through, statemachine.StateHash(d.m)); err != nil {
			return err
		}
	}
	d.replaying = nil
	d.reached(through)
	return nil
}

// runOf makes the work of a run of entries that is replayed.
func runOf(entries []storage.Entry) ([]work, error) {
	commands, err := node.Commands(entries)
	if err != nil {
		return nil, storageError{fmt.Errorf("%w: %w", storage.ErrCorrupt, err)}
	}
	last := &entries[len(entries)-1]
	return []work{{apply: node.Apply{Commands: commands, First: entries[0].Index, Last: last.Index, Term: last.Term, Switch: node.SwitchOf(last), Check: node.IsCheck(last)}}}, nil
}
