package core

import (
	"context"
	"fmt"
	"sync"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/internal/restarts"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// generation is one raft node over one opened storage. It ends as a whole:
// when the storage fails nothing of it is kept (law 3).
type generation struct {
	h        *Host
	instance *catalog.Instance
	storage  storage.Storage
	// incarnation is that of the Open of storage.
	incarnation uint64
	// trial: the storage is a new version, which has not served.
	trial    bool
	state    storage.State
	node     *node.Node
	registry *member.Registry // at the newest snapshot, as time
	time     uint64
	pump     *appendPump
	sends    sends
	parts    parts
	space    spaceWatch
	fitness  fitnessWatch

	// failing ends with the first fail, whose error is its cause; stopping when the
	// raft goroutine is to end; working with either of them.
	failing, stopping, working context.Context

	fail     context.CancelCauseFunc // the storage is of no use any more
	stop     context.CancelFunc
	raftDone chan struct{} // the raft goroutine has ended
	wg       sync.WaitGroup
}

func newGeneration(h *Host) *generation {
	g := &generation{h: h, raftDone: make(chan struct{})}
	g.failing, g.fail = context.WithCancelCause(context.Background())
	g.stopping, g.stop = context.WithCancel(context.Background())
	working, end := context.WithCancel(g.failing)
	context.AfterFunc(g.stopping, end)
	g.working = working
	g.parts.tell = func(kept node.Kept) {
		g.node.Do(func(c *node.Core) error { c.SnapshotKept(kept); return nil })
	}
	return g
}

// openGeneration starts the storage plugin, reads what is on disk, and makes a
// raft node from it.
func (h *Host) openGeneration(ctx context.Context) (*generation, error) {
	if err := h.moveIsSettled(); err != nil {
		return nil, err
	}
	g, place := newGeneration(h), h.storage.Load()
	in, err := h.launch(ctx, plugins.Storage, place.slot, place.section.Config, func(ctx context.Context, in *catalog.Instance, opts plugins.Options) (err error) {
		g.storage, g.incarnation = in.Storage(), opts.Incarnation
		g.state, err = g.storage.Open(ctx, opts)
		return err
	})
	if err != nil {
		return nil, err
	}
	upgrading := place.slot.OnTrial()
	g.instance, g.trial = in, upgrading || h.isMoveOnTrial()
	if err = g.build(ctx); err == nil {
		err = h.moveServes()
	}
	if err != nil {
		err = h.giveUp(ctx, in, err)
		if upgrading {
			err = notServed("use", in, err)
		}
		return nil, err
	}
	return g, nil
}

// build makes the raft node.
func (g *generation) build(ctx context.Context) error {
	cfg := &g.h.cfg
	if err := g.h.identity.pins.admit(g.state.StoreID); err != nil {
		return fmt.Errorf("storage(%s): %w", g.instance.Info().Name, err)
	}
	snapshot, err := g.usableSnapshot(ctx)
	if err != nil {
		return err
	}
	if applied := g.h.server.Status().Applied; applied > g.state.LastIndex {
		if !g.trial { // the storage before may have it all
			g.h.identity.lost(fmt.Sprintf("entry %d was applied, and the log ended at %d", applied, g.state.LastIndex))
		}
		return fmt.Errorf("storage(%s): %w: entry %d is applied, the log ends at %d: acknowledged entries were lost",
			g.instance.Info().Name, node.ErrInconsistent, applied, g.state.LastIndex)
	}
	replayed, entries, err := g.load(ctx, snapshot)
	if err != nil {
		return fmt.Errorf("storage(%s): %w", g.instance.Info().Name, err)
	}
	nc := node.Config{
		ID: cfg.self(), Group: group, Tick: cfg.Tick, HeartbeatTicks: 1, ElectionTicks: int(cfg.Election / cfg.Tick),
		Limits: cfg.Limits, MaxAppends: cfg.MaxInflightAppends, Logger: g.h.logger,
		State: g.state, Entries: entries, Registry: g.registry, Time: g.time, Replayed: replayed,
		Clock: cfg.clock, MaxClockDifference: uint64((cfg.MaxClockDifference + 2*cfg.Election).Milliseconds()),
		Level: cfg.level, Incarnation: g.incarnation, MaxPending: cfg.MaxPending, MaxPendingBytes: cfg.MaxPendingBytes,
		Queued: g.h.server.Timings().Queued(), RoundTrip: g.h.server.Timings().RoundTrip,
	}
	if cfg.Bootstrap {
		nc.Bootstrap = cfg.configured()
	}
	if err := g.h.identity.admit(nc); err != nil {
		return err
	}
	core, err := node.NewCore(nc)
	if err != nil {
		return fmt.Errorf("storage(%s): %w", g.instance.Info().Name, err)
	}
	core.SetFitness(g.firstFitness(ctx))
	g.h.stored.Store(max(g.h.stored.Load(), g.state.LastIndex))
	g.pump = newAppendPump(g)
	g.node = node.New(core, ports{g})
	return nil
}

// run starts the raft goroutine and what it hands its work to.
func (h *Host) run(g *generation) {
	var applied uint64
	if n := len(g.state.Snapshots); n > 0 {
		applied = g.state.Snapshots[n-1].Metadata.Index
	}
	h.setGeneration(g)
	h.server.Attach(g.node, g.storage, applied, g.registry)
	h.identity.remind(g.node)
	h.tellPeers()
	g.wg.Go(g.pump.run)
	g.wg.Go(g.watchSpace)
	g.wg.Go(func() { <-g.working.Done(); g.parts.close() })
	g.wg.Go(g.watchFitness)
	g.wg.Go(g.raft)
}

// raft is the raft goroutine.
func (g *generation) raft() {
	defer close(g.raftDone)
	c := newClock(g.h.cfg.Tick, g.h.cfg.Election)
	g.wg.Go(func() { c.run(g.stopping) })
	if err := g.node.Run(g.stopping.Done(), c.ticks); err != nil {
		g.h.fail(err) // raft's own invariants: another try would find the same
		g.fail(err)
	}
}

// abandon gets rid of a generation that was never run.
func (g *generation) abandon() error {
	return g.h.dismiss(g.instance, g.storage.Close)
}

// superviseStorage builds the node anew whenever its storage fails.
func (h *Host) superviseStorage(g *generation) {
	for {
		var asked *restarts.Restart
		var move *storageMove
		select {
		case <-h.life.Done():
			return
		case <-g.failing.Done():
		case <-g.instance.Done():
			g.fail(exitReason(g.instance))
		case asked = <-h.storageRestarts:
		case move = <-h.storageMoves:
		}
		if h.life.Err() != nil {
			return
		}
		err := h.endGeneration(g, asked != nil || move != nil)
		if err != nil {
			h.setGeneration(g) // the stop names what does not end
			h.fail(err)
			return
		}
		g.wg.Wait()
		move.do(h)
		if g, err = h.reopenGeneration(); err != nil {
			asked.Answer(err)
			move.answer(err)
		}
		switch {
		case err != nil && h.life.Err() == nil:
			h.fail(fmt.Errorf("storage cannot be used: %w", err))
			return
		case err != nil:
			return
		case h.life.Err() != nil:
			_ = g.abandon() // named by the stop if it was forced
			return
		}
		h.run(g)
		h.server.Pause(false)
		asked.Answer(nil)
		move.answer(nil)
		h.logger.Info("node was built anew", "event", events.Storage, "last_index", g.state.LastIndex, "commit", g.state.HardState.Commit)
	}
}

// endGeneration ends a generation as a whole: one whose storage has failed at once, and
// one whose storage is to be restarted or moved, as was asked for, in good order.
func (h *Host) endGeneration(g *generation, asked bool) error {
	if asked {
		return h.retireStorage(g)
	}
	why := context.Cause(g.failing)
	h.logger.Error("storage failed, building the node anew from disk", "event", events.Storage, "error", why)
	h.setGeneration(nil)
	g.instance.Fail(why)
	select { // the slot starts no second one
	case <-g.instance.Done():
	case <-h.life.Done():
	}
	if err := h.endRaft(g); err != nil {
		return err
	}
	h.server.Detach(server.ErrStorageRestart)
	return nil
}

// reopenGeneration tries until it succeeds, or trying cannot help. The slot
// makes it wait between tries.
func (h *Host) reopenGeneration() (*generation, error) {
	for {
		g, err := h.openGeneration(h.life)
		if err == nil || h.life.Err() != nil {
			return g, err
		}
		returned, unsettled := h.returnStore(err)
		switch {
		case returned:
			continue
		case unsettled != nil:
			return nil, unsettled
		case isPermanent(err):
			return nil, err
		}
		h.logger.Error("storage could not be opened, trying again", "error", err)
		// An error that comes before any process, whose restart the slot would delay,
		// must not make this a busy loop.
		pause.For(h.life, h.cfg.Tick)
	}
}

// exitReason says why an instance ended.
func exitReason(in *catalog.Instance) error {
	if err := in.Err(); err != nil {
		return err
	}
	return plugins.ErrGone
}
