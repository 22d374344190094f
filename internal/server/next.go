package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	waits "github.com/pontoon-raft/pontoon/internal/patience"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// errLags: the next state machine does not come up to the one that runs.
var errLags = errors.New("the next one does not come up to the one that runs")

// maxRounds is how many rounds in a row the next state machine may come no nearer.
const maxRounds = 10

// next is a state machine that is brought to the applied index beside the one that runs. It
// reads what is stored, and has no effect on the server: after an error it is thrown away. So its
// calls end with the context, an Apply too.
type next struct {
	s      *Server
	m      RunningStateMachine
	d      *driver // makes its batches, and has its place in the log; it is not run
	hashes []node.StateHash

	cancel context.CancelCauseFunc
	limit  atomic.Int64 // a time.Duration
	watch  *time.Timer
}

func newNext(s *Server, m RunningStateMachine) *next {
	info := m.Describe()
	return &next{s: s, m: m, d: &driver{
		s: s, m: m, timed: true, ticks: info.Has(statemachine.CapabilityTimers), commands: info.CommandVersions, hashName: hashNameOf(info.StateHash),
	}}
}

// catchUp brings it within a batch of the applied index. The log that this takes is kept
// until end is called, for as many bytes as for a follower that is sent a snapshot.
func (n *next) catchUp(ctx context.Context) (following context.Context, end func(), err error) {
	ctx, n.cancel = context.WithCancelCause(ctx)
	n.limit.Store(int64(waits.Apply(n.s.cfg.Election)))
	n.watch = time.AfterFunc(waits.Apply(n.s.cfg.Election), func() {
		n.giveUp(n.stalled())
	})
	index, release, err := n.holdNewest(ctx)
	end = func() {
		n.watch.Stop()
		release()
		n.cancel(nil)
	}
	if err == nil && index > 0 {
		err = n.restore(ctx, index)
	}
	if err == nil {
		err = n.approach(ctx)
	}
	return ctx, end, n.why(ctx, err)
}

// move notes that it gets on.
func (n *next) move() { n.watch.Reset(time.Duration(n.limit.Load())) }

// giveUp ends it, and what it is at.
func (n *next) giveUp(why error) {
	n.cancel(why)
	n.m.Fail(why) // a call may not heed its context
}

// stalled says that it does not get on.
func (n *next) stalled() error {
	return fmt.Errorf("%w: it has got on with nothing for %v", errLags, time.Duration(n.limit.Load()))
}

// why is the cause of err: of a call that was given up, or over which the process ended.
func (n *next) why(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case n.s.ended():
		return &Error{Err: ErrStopping}
	case context.Cause(ctx) != nil:
		return context.Cause(ctx)
	case pause.Over(n.m.Done()), errors.Is(err, plugins.ErrGone) && hasEnded(ctx, n.m, n.s.cfg.Tick):
		return n.hasEnded()
	case errors.Is(err, plugins.ErrGone): // that is not the one that runs
		return errors.New(err.Error())
	}
	return err
}

// hasEnded says how its process ended. That is not the end of the one that runs, so the error
// wraps nothing.
func (n *next) hasEnded() error {
	return fmt.Errorf("the next process has ended: %v", cmp.Or(n.m.Err(), errEnded))
}

// holdTries is how often a newer snapshot may come between the look for the newest one and
// the hold on the log after it.
const holdTries = 5

// holdNewest returns the index of the newest snapshot, 0 if there is none, and keeps the log
// from there on.
func (n *next) holdNewest(ctx context.Context) (index uint64, release func(), err error) {
	s := n.s
	lost := func(error) {
		n.cancel(fmt.Errorf("%w: more than %d bytes were applied meanwhile (four times raft.catch_up_bytes)", errLags, s.snapshots.holdLimit()))
	}
	if index, err = n.newest(ctx); err != nil {
		return 0, func() {}, err
	}
	for range holdTries {
		release = s.Hold(index, lost)
		now, err := n.newest(ctx)
		if err != nil || now == index {
			return index, release, err
		}
		release()
		index = now
	}
	return 0, func() {}, errors.New("newer snapshots came again and again")
}

// newest is the index of the newest snapshot; 0 if there is none.
func (n *next) newest(ctx context.Context) (index uint64, err error) {
	st, err := n.storage()
	if err != nil {
		return 0, err
	}
	list, err := st.ListSnapshots(ctx)
	if err != nil {
		return 0, fmt.Errorf("list snapshots: %w", err)
	}
	for i := range list {
		index = max(index, list[i].Metadata.Index)
	}
	return index, nil
}

func (n *next) storage() (storage.Storage, error) {
	if _, st := n.s.attached(); st != nil {
		return st, nil
	}
	return nil, &Error{Err: ErrNotReady, Detail: "the storage plugin is starting"}
}

// restore gives it the snapshot at index.
func (n *next) restore(ctx context.Context, index uint64) error {
	st, err := n.storage()
	if err != nil {
		return err
	}
	r, err := st.OpenSnapshot(ctx, index)
	if err != nil {
		return fmt.Errorf("open snapshot %d: %w", index, err)
	}
	defer func() { _ = r.Close() }() // nothing was written
	info := r.Info()
	n.limit.Store(int64(waits.Restore(n.s.cfg.Election, info.Bytes)))
	n.move()
	if err := n.restoreFrom(ctx, &movingReader{r, n.move}, info.Metadata); err != nil {
		return fmt.Errorf("snapshot %d: %w", index, err)
	}
	n.limit.Store(int64(waits.Apply(n.s.cfg.Election))) // no entry takes as long
	n.move()
	return nil
}

func (n *next) restoreFrom(ctx context.Context, r io.Reader, meta storage.SnapshotMetadata) error {
	d, info := n.d, n.m.Describe()
	header, err := ReadSnapshotHeader(r)
	if err != nil {
		return err
	}
	if err := errors.Join(header.check(n.s.cfg.ClusterID, meta, info), checkFormat(&info, header)); err != nil {
		return err
	}
	version := header.Registry.CommandVersion()
	if version > d.commands.Greatest {
		return d.otherVersion("it is of command version %d", version)
	}
	n.s.logger.Info("restoring the next state machine beside the one that runs", "index", meta.Index)
	if err := n.m.Restore(ctx, meta.Index, r); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r); err != nil { // the checksum is seen at the end
		return err
	}
	d.at, d.time, d.version = meta.Index, header.Time, version
	return nil
}

// movingReader tells of each read that gave something.
type movingReader struct {
	io.Reader
	moved func()
}

// Read implements io.Reader.
func (r *movingReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if n > 0 {
		r.moved()
	}
	return n, err
}

// approach gives it the log until no more than what is read at once is left. A snapshot of the
// leader may have put it ahead of the one that runs, which is about to have it, too.
func (n *next) approach(ctx context.Context) error {
	if err := n.awaitOld(ctx); err != nil {
		return err
	}
	for least, worse := uint64(math.MaxUint64), 0; ; {
		target, _ := n.s.progress.get()
		gap := target - min(target, n.d.at)
		if gap < least {
			least, worse = gap, 0
		} else if worse++; worse > maxRounds {
			return fmt.Errorf("%w: entries are applied as fast as it takes them, and it is %d behind", errLags, gap)
		}
		if parts, err := n.read(ctx, target); err != nil || parts <= 1 {
			return err
		}
	}
}

// awaitOld waits until the one that runs has what this one has. That is not held against this one.
func (n *next) awaitOld(ctx context.Context) error {
	n.watch.Stop()
	defer n.move()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-n.m.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	return n.s.progress.wait(ctx, n.d.at, n.s.queue.done)
}

// follow gives it the log up to target.
func (n *next) follow(ctx context.Context, target uint64) error {
	_, err := n.read(ctx, target)
	return n.why(ctx, err)
}

// read gives it the log up to target, in as many parts as it returns.
func (n *next) read(ctx context.Context, target uint64) (parts int, err error) {
	for ; n.d.at < target; parts++ {
		st, err := n.storage()
		if err != nil {
			return parts, err
		}
		entries, err := n.s.readLog(ctx, st, n.d.at+1, target)
		if err != nil {
			return parts, err
		}
		for len(entries) > 0 {
			run := entries[:min(node.UntilEnd(entries), plugins.MaxBatchEntries)]
			if err := n.apply(ctx, run); err != nil {
				return parts, err
			}
			entries = entries[len(run):]
		}
	}
	return parts, nil
}

// apply gives it a run of entries.
func (n *next) apply(ctx context.Context, entries []storage.Entry) error {
	d := n.d
	items, err := runOf(entries)
	if err != nil {
		return err
	}
	b := d.batch(items)
	if err := d.checkVersion(&b); err != nil {
		return err
	}
	b.NoResults = true
	if _, err := n.m.Apply(ctx, b); err != nil {
		return fmt.Errorf("apply [%d,%d]: %w", entries[0].Index, b.Through, err)
	}
	n.move()
	d.at = b.Through
	if !b.Hash {
		return nil
	}
	h, err := d.hashOf(b.Through, statemachine.StateHash(n.m))
	n.hashes = keepHash(n.hashes, h)
	return err
}
