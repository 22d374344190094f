package core

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
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
	state       storage.State
	node        *node.Node
	registry    *member.Registry // at the newest snapshot
	pump        *appendPump
	space       spaceWatch
	fitness     fitnessWatch

	stop     chan struct{}
	stopOnce sync.Once
	failed   chan struct{} // closed by the first fail
	failOnce sync.Once
	err      error
	raftDone chan struct{} // the raft goroutine has ended
	wg       sync.WaitGroup
}

// openGeneration starts the storage plugin, reads what is on disk, and makes a
// raft node from it.
func (h *Host) openGeneration(ctx context.Context) (*generation, error) {
	g := &generation{
		h: h, stop: make(chan struct{}), failed: make(chan struct{}), raftDone: make(chan struct{}),
	}
	in, err := h.launch(ctx, plugins.Storage, h.slots[plugins.Storage], h.cfg.Storage.Config, func(ctx context.Context, in *catalog.Instance, opts plugins.Options) (err error) {
		g.storage, g.incarnation = in.Storage(), opts.Incarnation
		g.state, err = g.storage.Open(ctx, opts)
		return err
	})
	if err != nil {
		return nil, err
	}
	g.instance = in
	if err := g.build(ctx); err != nil {
		return nil, h.giveUp(ctx, in, err)
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
		g.h.identity.lost(fmt.Sprintf("entry %d was applied, and the log ended at %d", applied, g.state.LastIndex))
		return fmt.Errorf("storage(%s): %w: entry %d is applied, the log ends at %d: acknowledged entries were lost",
			g.instance.Info().Name, node.ErrInconsistent, applied, g.state.LastIndex)
	}
	replayed, entries, err := g.load(ctx, snapshot)
	if err != nil {
		return fmt.Errorf("storage(%s): %w", g.instance.Info().Name, err)
	}
	nc := node.Config{
		ID: cfg.self(), Group: group, HeartbeatTicks: 1, ElectionTicks: int(cfg.Election / cfg.Tick),
		Limits: cfg.Limits, MaxAppends: cfg.MaxInflightAppends, Logger: g.h.logger,
		State: g.state, Entries: entries, Registry: g.registry, Replayed: replayed,
		Level: cfg.level, Incarnation: g.incarnation, MaxPending: cfg.MaxPending, MaxPendingBytes: cfg.MaxPendingBytes,
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
	h.courier.setPeers(h.identity.known())
	g.wg.Go(g.pump.run)
	g.wg.Go(g.watchSpace)
	g.wg.Go(g.watchFitness)
	g.wg.Go(g.raft)
}

// raft is the raft goroutine.
func (g *generation) raft() {
	defer close(g.raftDone)
	c := newClock(g.h.cfg.Tick, g.h.cfg.Election)
	g.wg.Go(func() { c.run(g.stop) })
	if err := g.node.Run(g.stop, c.ticks); err != nil {
		g.h.fail(err) // raft's own invariants: another try would find the same
		g.fail(err)
	}
}

// fail ends the generation. The first reason counts.
func (g *generation) fail(err error) {
	g.failOnce.Do(func() {
		g.err = err
		close(g.failed)
	})
}

// abandon gets rid of a generation that was never run.
func (g *generation) abandon() error {
	return g.h.dismiss(g.instance, g.storage.Close)
}

// superviseStorage builds the node anew whenever its storage fails.
func (h *Host) superviseStorage(g *generation) {
	for {
		select {
		case <-h.quit:
			return
		case <-g.failed:
		case <-g.instance.Done():
			g.fail(exitReason(g.instance))
		}
		if h.isQuitting() {
			return
		}
		h.logger.Error("storage failed, building the node anew from disk", "error", g.err)
		h.setGeneration(nil)
		g.instance.Fail(g.err)
		select { // the slot starts no second one
		case <-g.instance.Done():
		case <-h.quit:
		}
		err := h.endRaft(g)
		if err != nil {
			h.setGeneration(g) // the stop names what does not end
			h.fail(err)
			return
		}
		h.server.Detach(server.ErrStorageRestart)
		g.wg.Wait()
		g, err = h.reopenGeneration()
		switch {
		case err != nil && !h.isQuitting():
			h.fail(fmt.Errorf("storage cannot be used: %w", err))
			return
		case err != nil:
			return
		case h.isQuitting():
			_ = g.abandon() // named by the stop if it was forced
			return
		}
		h.run(g)
		h.logger.Info("node was built anew", "last_index", g.state.LastIndex, "commit", g.state.HardState.Commit)
	}
}

// reopenGeneration tries until it succeeds, or trying cannot help. The slot
// makes it wait between tries.
func (h *Host) reopenGeneration() (*generation, error) {
	ctx, cancel := h.untilQuit()
	defer cancel()
	for {
		g, err := h.openGeneration(ctx)
		if err == nil || isPermanent(err) || ctx.Err() != nil {
			return g, err
		}
		h.logger.Error("storage could not be opened, trying again", "error", err)
		h.pause()
	}
}

// pause keeps an error that comes before any process, whose restart the slot
// would delay, from being a busy loop.
func (h *Host) pause() {
	timer := time.NewTimer(h.cfg.Tick)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-h.quit:
	}
}

// untilQuit is a context that ends when the host does.
func (h *Host) untilQuit() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-h.quit:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// exitReason says why an instance ended.
func exitReason(in *catalog.Instance) error {
	if err := in.Err(); err != nil {
		return err
	}
	return plugins.ErrGone
}
