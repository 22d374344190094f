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
// when the node runs; whether it has a leader is what Service().Ready tells.
// After an error nothing is left running.
func (h *Host) Start(ctx context.Context) error {
	h.mu.Lock()
	if h.started || h.stopped {
		h.mu.Unlock()
		return errors.New("a host starts once")
	}
	h.started = true
	h.mu.Unlock()
	err := h.start(ctx)
	close(h.booted)
	if err != nil {
		h.fail(err)
		// What went wrong first ended the rest of the start.
		err = cmp.Or(h.Err(), err)
		stopCtx, cancel := context.WithTimeout(context.Background(), CallTimeout(h.cfg.Election))
		defer cancel()
		return errors.Join(err, h.Stop(stopCtx))
	}
	return nil
}

func (h *Host) start(ctx context.Context) error {
	if err := makeDataDir(h.cfg.DataDir); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // a Stop during boot ends the boot
		select {
		case <-h.quit:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := h.identity.open(ctx); err != nil {
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
	h.server.Start()
	h.wg.Go(h.watchServer)
	transported := make(chan error, 1)
	go func() { transported <- h.courier.connectFirst(ctx) }()
	g, err := h.openFirstGeneration(ctx)
	if err == nil {
		if err = <-transported; err == nil {
			h.run(g)
			h.keepers.Go(func() { h.superviseStorage(g) })
			for _, k := range h.courier.carriers {
				h.keepers.Go(k.supervise)
			}
			h.wg.Go(h.watchApply)
			h.wg.Go(h.identity.watch)
			h.wg.Go(func() { h.certificates.watch(h.quit) })
			h.serving.Go(h.serve)
			h.logger.Info("host is running", "id", h.cfg.ID, "client", h.api.Addr().String(), "data_dir", h.cfg.DataDir)
			return nil
		}
		g.abandon()
		return err
	}
	cancel()
	<-transported
	return err
}

// serve answers clients until the API is stopped.
func (h *Host) serve() {
	if err := h.api.Serve(); err != nil {
		h.fail(err)
	}
}
