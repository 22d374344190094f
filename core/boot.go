package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
)

// Start brings the host up: ports, plugins, raft, in that order. It returns
// when the node runs; whether it has a leader is what the probes tell. A host that
// is refused by its cluster before that has the error that it would have ended with.
// After an error nothing is left running. When ctx ends, or Stop is called, the
// start ends within the budget of a stop; ErrForced then names what would not.
func (h *Host) Start(ctx context.Context) error {
	h.mu.Lock()
	if h.started || h.stopped {
		h.mu.Unlock()
		return errors.New("a host starts once")
	}
	h.started = true
	h.mu.Unlock()
	go func() {
		h.bootErr = h.start(ctx)
		close(h.booted)
	}()
	select {
	case <-h.booted:
		if h.bootErr == nil {
			return nil
		}
		h.fail(h.bootErr)
	case <-ctx.Done():
	case <-h.life.Done():
	}
	stopErr := h.Stop(context.Background())
	// The first failure ended the rest of the start.
	err := cmp.Or(h.Err(), h.outcome(), ctx.Err())
	if err == nil && stopErr == nil {
		return nil // it ran, and was stopped at once
	}
	return errors.Join(err, stopErr)
}

// errStartGivenUp: the host was stopped before its start had ended.
var errStartGivenUp = errors.New("the start was given up")

// outcome is what the start came to.
func (h *Host) outcome() error {
	select {
	case <-h.booted:
		return h.bootErr
	default:
		return errStartGivenUp
	}
}

// proceed runs a step of the start, which does not wait, unless the stop has gone on
// without the start: a plugin started then would never be stopped.
func (h *Host) proceed(step func()) error {
	h.booting.Lock()
	defer h.booting.Unlock()
	if h.bootGivenUp {
		return errStartGivenUp
	}
	step()
	return nil
}

func (h *Host) start(ctx context.Context) error {
	if err := makeDataDir(h.cfg.DataDir); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.life, cancel)() // a Stop during boot ends the boot
	if err := h.identity.open(ctx); err != nil {
		return err
	}
	if err := h.adoptStorage(); err != nil {
		return err
	}
	if err := h.audit.Start(); err != nil {
		return fmt.Errorf("%w: %w", plugins.ErrInvalidConfig, err)
	}
	if err := h.beginLife(uint64(max(time.Now().UnixNano(), 0))); err != nil {
		return err
	}
	if err := h.api.Listen(h.cfg.ClientAddress, h.cfg.AdminAddress); err != nil {
		return err
	}
	if at, how := h.identity.pins.parted(); at > 0 {
		h.server.Suspect(at, how)
	}
	if err := h.proceed(func() {
		h.server.Start()
		h.wg.Go(h.watchServer)
	}); err != nil {
		return err
	}
	transported := make(chan error, 1)
	go func() { transported <- h.courier.Connect(ctx) }()
	g, err := h.openFirstGeneration(ctx)
	if err != nil {
		cancel()
		<-transported
		return err
	}
	if err = <-transported; err == nil {
		err = h.proceed(func() { h.runFirst(g) })
	}
	if err != nil {
		return errors.Join(err, g.abandon())
	}
	h.logger.Info("host is running", "id", h.cfg.self(), "client", h.api.Addr().String(), "data_dir", h.cfg.DataDir)
	return nil
}

// runFirst starts the node and all that outlives it.
func (h *Host) runFirst(g *generation) {
	h.run(g)
	h.keepers.Go(func() { h.superviseStorage(g) })
	h.keepers.Go(func() { h.courier.Run(h.life) })
	h.wg.Go(h.watchApply)
	h.wg.Go(h.tellLeadership)
	h.wg.Go(h.identity.watch)
	h.wg.Go(func() { h.certificates.watch(h.life) })
	h.serving.Go(h.serve)
}

// serve answers clients until the API is stopped.
func (h *Host) serve() {
	if err := h.api.Serve(); err != nil {
		h.fail(err)
	}
}
