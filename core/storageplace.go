package core

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/storemark"
	"github.com/pontoon-raft/pontoon/plugins"
)

// storagePlace is one storage of this member, with the section that configures it.
type storagePlace struct {
	slot    *catalog.Slot
	section PluginConfig
}

func (h *Host) storagePlaceOf(section *PluginConfig) (*storagePlace, error) {
	slot, err := h.catalog.Slot(section.spec(plugins.Storage))
	return &storagePlace{slot, *section}, err
}

// storageSlot is the place of the storage that is in force.
func (h *Host) storageSlot() *catalog.Slot { return h.storage.Load().slot }

// storeDir is where the store is that is in force.
func (h *Host) storeDir() string { return filepath.Join(h.cfg.DataDir, string(plugins.Storage)) }

// adoptStorage finds which of the two configured storages has the store, once the data
// directory is this host's, and settles a move in which the host before was interrupted.
func (h *Host) adoptStorage() error {
	if err := h.settleMove(); err != nil {
		return fmt.Errorf("move of the store: %w", err)
	}
	left, err := datadir.IsLeft(h.storeDir())
	switch {
	case err != nil:
		return err
	case left:
		return fmt.Errorf("%w: the store in %s was left for a copy in another backend, and lacks what came since: put that copy back there, or remove this member from the cluster and add it under a new id",
			ErrLostData, h.storeDir())
	}
	section, err := h.sectionInForce()
	if err != nil || section == &h.cfg.Storage {
		return err
	}
	place, err := h.storagePlaceOf(section)
	if err != nil {
		return err
	}
	old := h.storage.Swap(place)
	h.catalog.Remove(old.slot)
	h.logger.Info("the store was moved, and plugins.storage still names the backend before: the next one is used", "before", h.cfg.Storage.Name, "storage", section.Name)
	return nil
}

// settleMove brings a move of the host before to an end, or to the trial of the copy.
func (h *Host) settleMove() error {
	_, move := h.identity.pins.storage()
	if move == nil {
		return nil
	}
	onTrial, err := move.Settle(h.cfg.DataDir)
	if err != nil {
		return err
	}
	if onTrial {
		move.Phase = datadir.Trial
		return h.identity.pins.noteMove(move.To, move)
	}
	h.logger.Warn("a move of the store was interrupted: the store before it is in force", "event", events.Storage, "storage", move.From, "next", move.To)
	m := &storageMove{note: *move}
	m.fail(errInterrupted)
	m.end()
	h.moving.Store(m)
	return h.identity.pins.noteMove(move.From, nil)
}

// errInterrupted: a host ended while it moved its store.
var errInterrupted = errors.New("the host ended meanwhile, and the store before is in force: ask for the move again")

// sectionInForce is the section whose backend has the store: by what was noted when it was
// moved, and else by the mark in the store, if it is of a known backend.
func (h *Host) sectionInForce() (*PluginConfig, error) {
	mark, err := markOf(h.storeDir())
	if err != nil {
		return nil, err
	}
	noted, _ := h.identity.pins.storage()
	for _, backend := range []string{noted, mark} {
		switch next := h.cfg.NextStorage; {
		case backend == "":
		case backend == h.cfg.Storage.Name:
			return &h.cfg.Storage, nil
		case next != nil && backend == next.Name:
			return next, nil
		}
	}
	if mark == "" && noted != "" && h.cfg.Storage.Name != "" {
		return nil, fmt.Errorf("%w: the store of this member is noted as one of the backend %q, and plugins.storage names %q: set it to the former",
			plugins.ErrInvalidConfig, noted, h.cfg.Storage.Name)
	}
	return &h.cfg.Storage, nil // which says so if the store is not its own
}

// markOf is the known backend whose mark the store in dir has; empty if there is none.
func markOf(dir string) (_ string, err error) {
	f, err := os.Open(filepath.Join(dir, storemark.Identity))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	magic, err := io.ReadAll(io.LimitReader(f, storemark.MagicBytes))
	return storemark.Backend(magic), err
}
