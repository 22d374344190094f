package core

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pontoon-raft/pontoon/core/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// permanent are errors of Open after which another try cannot help.
var permanent = []error{
	catalog.ErrPermanent, catalog.ErrCrashLoop,
	plugins.ErrInvalidConfig, plugins.ErrWrongIdentity,
	storage.ErrCorrupt, storage.ErrLocked,
}

func isPermanent(err error) bool {
	for _, p := range permanent {
		if errors.Is(err, p) {
			return true
		}
	}
	return false
}

// options makes what a plugin of kind is opened with: a new incarnation, and a
// folder of its own.
func (h *Host) options(kind plugins.Kind, config []byte) (plugins.Options, error) {
	dir, err := filepath.Abs(filepath.Join(h.cfg.DataDir, string(kind)))
	if err != nil {
		return plugins.Options{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return plugins.Options{}, fmt.Errorf("data directory of the %s plugin: %w", kind, err)
	}
	return plugins.Options{
		Config: config, ClusterID: h.cfg.ClusterID, NodeID: uint64(h.cfg.ID), NodeName: h.cfg.Name,
		Group: group, Incarnation: h.incarnation.Add(1), DataDir: dir, Limits: h.cfg.Limits,
		Tick: h.cfg.Tick, Election: h.cfg.Election,
	}, nil
}

// group is the number of the one Raft group that a host runs.
const group = 1

// launch starts a plugin of kind and opens it with open; after an error its
// process is gone. Every error says which plugin it is about.
func (h *Host) launch(ctx context.Context, kind plugins.Kind, config []byte, open func(context.Context, *catalog.Instance, plugins.Options) error) (*catalog.Instance, error) {
	opts, err := h.options(kind, config)
	if err != nil {
		return nil, err
	}
	in, err := h.slots[kind].Start(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, OpenTimeout(h.cfg.Election))
	defer cancel()
	if err := open(ctx, in, opts); err != nil {
		name := in.Info().Name
		if isPermanent(err) || ctx.Err() != nil {
			stopCtx, stopped := context.WithTimeout(context.Background(), CallTimeout(h.cfg.Election))
			defer stopped()
			err = errors.Join(err, in.Stop(stopCtx))
		} else {
			in.Kill()
			<-in.Done()
			if exit := in.Err(); errors.Is(err, plugins.ErrGone) && exit != nil {
				err = exit
			}
		}
		return nil, fmt.Errorf("open %s(%s): %w", kind, name, err)
	}
	in.Ready()
	return in, nil
}

// handover is how long a new host waits for what the processes of a killed
// predecessor still hold: they end within milliseconds of it.
const handover = 700 * time.Millisecond

// openFirstGeneration is openGeneration at boot.
func (h *Host) openFirstGeneration(ctx context.Context) (*generation, error) {
	var g *generation
	err := retryWhile(ctx, storage.ErrLocked, func() (err error) {
		g, err = h.openGeneration(ctx)
		return err
	})
	return g, err
}

// connectFirst is connect at boot.
func (c *courier) connectFirst(ctx context.Context) error {
	return retryWhile(ctx, transport.ErrAddressInUse, func() error { return c.connect(ctx) })
}

// retryWhile repeats try while it fails with held, for the time of a handover.
func retryWhile(ctx context.Context, held error, try func() error) error {
	deadline := time.Now().Add(handover)
	for {
		err := try()
		if !errors.Is(err, held) || time.Now().After(deadline) || ctx.Err() != nil {
			return err
		}
	}
}
