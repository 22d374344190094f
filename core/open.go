package core

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/internal/handover"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/patience"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// permanent are errors of Open after which another try cannot help.
var permanent = []error{
	catalog.ErrPermanent, catalog.ErrCrashLoop,
	plugins.ErrInvalidConfig, plugins.ErrWrongIdentity,
	storage.ErrCorrupt, storage.ErrLocked,
	node.ErrInconsistent, ErrLostData, ErrOtherCluster, member.ErrNewer, datadir.ErrMove,
}

func isPermanent(err error) bool {
	return slices.ContainsFunc(permanent, func(p error) bool { return errors.Is(err, p) })
}

// options makes what a plugin is opened with: a new incarnation, and a folder of
// its own.
func (h *Host) options(info plugins.Info, config []byte) (plugins.Options, error) {
	folder := string(info.Kind)
	if info.Kind == plugins.Transport {
		// There may be two, and each keeps its own whichever comes first.
		if folder = filepath.Join(folder, info.Name); filepath.Dir(folder) != string(info.Kind) {
			return plugins.Options{}, fmt.Errorf("%w: %q names no folder", plugins.ErrInvalidConfig, info.Name)
		}
	}
	dir, err := filepath.Abs(filepath.Join(h.cfg.DataDir, folder))
	if err != nil {
		return plugins.Options{}, err
	}
	if err := vfs.MakeOSDir(dir); err != nil {
		return plugins.Options{}, fmt.Errorf("data directory of the %s plugin: %w", info.Kind, err)
	}
	return plugins.Options{
		Config: config, ClusterID: h.cfg.ClusterID, NodeID: h.cfg.ID, NodeName: h.cfg.Name,
		Group: group, Incarnation: h.incarnation.Add(1), DataDir: dir, Limits: h.cfg.Limits,
		Tick: h.cfg.Tick, Election: h.cfg.Election,
		HostVersion: h.cfg.Version, HostCapabilities: catalog.Capabilities(),
	}, nil
}

// group is the number of the one Raft group that a host runs.
const group = 1

// opener opens a plugin that was started.
type opener func(context.Context, *catalog.Instance, plugins.Options) error

// launch starts the plugin of a slot and opens it with open; after an error its
// process is gone. Every error says which plugin it is about.
func (h *Host) launch(ctx context.Context, kind plugins.Kind, slot *catalog.Slot, config []byte, open opener) (*catalog.Instance, error) {
	in, err := slot.Start(ctx)
	if err != nil {
		return nil, err
	}
	limit := patience.Open(h.cfg.Election)
	opening, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	trial := slot.OnTrial()
	opts, err := h.options(in.Info(), config)
	if err == nil {
		err = open(opening, in, opts)
	}
	if err == nil {
		in.Ready()
		return in, nil
	}
	if opening.Err() != nil && ctx.Err() == nil && !isPermanent(err) {
		err = fmt.Errorf("did not open within %v: %w", limit, catalog.ErrHung)
	}
	err = h.giveUp(ctx, in, err)
	if trial {
		return nil, notServed("open", in, err)
	}
	return nil, fmt.Errorf("open %s(%s): %w", kind, in.Info().Name, err)
}

// notServed is the error of a version on trial. The version before is the next try, so that
// nothing of this is permanent.
func notServed(what string, in *catalog.Instance, err error) error {
	info := in.Info()
	return fmt.Errorf("%s %s(%s) of version %q: %v; %w", what, info.Kind, info.Name, info.Version, err, errNotServed)
}

// giveUp ends a plugin that cannot be used because of err, and returns err with
// what the end of its process adds. If another try may help, the end is a
// failure of the plugin: the next start waits for the backoff, and the crash-loop
// limit counts.
func (h *Host) giveUp(ctx context.Context, in *catalog.Instance, err error) error {
	if isPermanent(err) || ctx.Err() != nil {
		return errors.Join(err, h.dismiss(in, nil))
	}
	in.Fail(err)
	if errors.Is(err, catalog.ErrHung) {
		return err // the next start waits until it is gone
	}
	<-in.Done()
	if exit := in.Err(); errors.Is(err, plugins.ErrGone) && exit != nil {
		return exit
	}
	return err
}

// openFirstGeneration is openGeneration at boot.
func (h *Host) openFirstGeneration(ctx context.Context) (*generation, error) {
	for {
		var g *generation
		err := handover.Retry(ctx, storage.ErrLocked, func() (err error) {
			g, err = h.openGeneration(ctx)
			return err
		})
		if err == nil || ctx.Err() != nil {
			return g, err
		}
		if returned, unsettled := h.returnStore(err); !returned {
			return nil, errors.Join(err, unsettled)
		}
	}
}
