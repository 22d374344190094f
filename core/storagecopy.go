package core

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/patience"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/internal/storecopy"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// do moves the store, if that was asked for, while there is no node. The storage in
// force afterwards is in h.storage, and is opened next.
func (m *storageMove) do(h *Host) {
	if m == nil {
		return
	}
	err := h.copyStore(m)
	if err == nil {
		err = h.switchStores(m)
	}
	if err != nil {
		m.fail(err)
		h.abandonMove(m)
	}
}

// answer tells the asker that the node runs again, or why it does not; a nil move is one that
// was not asked for.
func (m *storageMove) answer(err error) {
	if m != nil {
		m.done <- err
	}
}

// copyStore copies the store, opens the copy once more and compares the two. Both are closed
// in the end.
func (h *Host) copyStore(m *storageMove) error {
	ctx, cancel := context.WithCancelCause(h.life)
	defer cancel(nil)
	defer func() { h.closeStore(m.made) }()
	source, err := h.openStore(ctx, m.from, h.storeDir(), 0)
	if err != nil {
		return err
	}
	defer h.closeStore(source)
	go h.watchCopy(ctx, m, cancel)
	m.enter(moveCopying, source.State)
	if _, err := storecopy.Copy(ctx, source.opened(), m.made.opened(), h.cfg.Limits, &m.progress); err != nil {
		return fmt.Errorf("copy: %w", causeOf(ctx, err))
	}
	h.closeStore(m.made)
	if m.made, err = h.openStore(ctx, m.to, filepath.Join(h.cfg.DataDir, m.note.Copy()), m.storeID); err != nil {
		return fmt.Errorf("the copy cannot be opened: %w", causeOf(ctx, err))
	}
	m.enter(moveComparing, m.made.State)
	if err := storecopy.Compare(ctx, source.opened(), m.made.opened(), &m.progress); err != nil {
		return fmt.Errorf("compare: %w", causeOf(ctx, err))
	}
	return nil
}

func (s *openedStore) opened() storecopy.Store {
	return storecopy.Store{Storage: s.Storage, State: s.State}
}

// causeOf is why ctx was ended, or err if it was not.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// watchCopy ends a copy that does not get on: the store before goes on then.
func (h *Host) watchCopy(ctx context.Context, m *storageMove, cancel context.CancelCauseFunc) {
	limit := patience.Open(h.cfg.Election)
	last, since := m.moved(), time.Now()
	for !pause.Until(ctx.Done(), h.cfg.Election) {
		if now := m.moved(); now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) > limit {
			cancel(fmt.Errorf("nothing was copied for %v: %w", limit, catalog.ErrHung))
			return
		}
	}
}

// switchStores puts the copy in the place of the store. From the note on it is the copy that
// is in force, also after a loss of power, and it is on trial until a node runs with it.
func (h *Host) switchStores(m *storageMove) error {
	m.enter(moveSwitching, storage.State{})
	backend, _ := h.identity.pins.storage()
	m.note.Phase = datadir.Switching
	if err := h.identity.pins.noteMove(backend, &m.note); err != nil {
		return err
	}
	m.touched = true
	if err := m.note.Forward(h.cfg.DataDir); err != nil {
		return err
	}
	m.note.Phase = datadir.Trial
	if err := h.identity.pins.noteMove(m.note.To, &m.note); err != nil {
		return err
	}
	h.storage.Store(m.to)
	m.enter(moveOpening, storage.State{})
	return nil
}

// abandonMove brings the store before back, and removes the copy. If that fails, nothing
// is opened (moveIsSettled), and the next start of the host goes on with it.
func (h *Host) abandonMove(m *storageMove) {
	h.closeStore(m.made)
	h.catalog.Remove(m.to.slot)
	if err := h.bringBack(&m.note, m.touched); err != nil {
		h.logger.Error("the folders of the store are not in order after a move that failed", "error", err)
	}
}

// bringBack puts the old store in its place, and notes that it is in force.
func (h *Host) bringBack(note *datadir.Move, touched bool) error {
	if touched {
		note.Phase = datadir.Returning
		if err := h.identity.pins.noteMove(note.From, note); err != nil {
			return err
		}
	}
	if err := note.Back(h.cfg.DataDir); err != nil {
		return err
	}
	return h.identity.pins.noteMove(note.From, nil)
}

// isMoveOnTrial tells whether the store that is opened next is a copy with which no node has run.
func (h *Host) isMoveOnTrial() bool {
	_, move := h.identity.pins.storage()
	return move != nil && move.Phase == datadir.Trial
}

// moveIsSettled refuses to open a store while it is not certain which one is in force.
func (h *Host) moveIsSettled() error {
	if _, move := h.identity.pins.storage(); move != nil && (move.Phase == datadir.Switching || move.Phase == datadir.Returning) {
		return fmt.Errorf("%w: a move to %s has stopped half-way: start the host again", datadir.ErrMove, move.To)
	}
	return nil
}

// moveServes ends the trial of a copy: from here on the store that was left lacks what comes.
// It is marked before anything comes.
func (h *Host) moveServes() error {
	if !h.isMoveOnTrial() {
		return nil
	}
	backend, move := h.identity.pins.storage()
	if err := datadir.MarkLeft(filepath.Join(h.cfg.DataDir, move.Left), move.To); err != nil {
		return fmt.Errorf("mark the store that was left: %w", err)
	}
	if err := h.identity.pins.noteMove(backend, nil); err != nil {
		return err
	}
	if m := h.moving.Load(); m != nil && m.isUnderWay() {
		h.catalog.Remove(m.from.slot)
	}
	h.logger.Info("store moved", "event", events.Storage, "from", move.From, "to", move.To, "left", move.Left)
	return nil
}

// returnStore brings the store before back if the copy, on trial, cannot be used because of
// err. No node has run with the copy, so that nothing is lost.
func (h *Host) returnStore(err error) (returned bool, unsettled error) {
	if !h.isMoveOnTrial() || errors.Is(err, storage.ErrLocked) {
		return false, nil
	}
	_, note := h.identity.pins.storage()
	if err := note.MayReturn(h.cfg.DataDir); err != nil {
		return false, err
	}
	h.logger.Warn("the copy of the store cannot be used: the store before goes on", "event", events.Storage, "storage", note.From, "next", note.To, "error", err)
	old, placeErr := h.placeBefore(note)
	if placeErr != nil {
		return false, placeErr
	}
	h.catalog.Remove(h.storage.Swap(old).slot) // nothing has the copy open any more
	if err := h.bringBack(note, true); err != nil {
		return false, err
	}
	if m := h.moving.Load(); m != nil && m.isUnderWay() {
		m.fail(err)
		return true, nil
	}
	m := &storageMove{note: *note}
	m.fail(err)
	m.end()
	h.moving.Store(m)
	return true, nil
}

// placeBefore is the storage that had the store before a move.
func (h *Host) placeBefore(note *datadir.Move) (*storagePlace, error) {
	if m := h.moving.Load(); m != nil && m.isUnderWay() {
		return m.from, nil
	}
	for _, section := range []*PluginConfig{&h.cfg.Storage, h.cfg.NextStorage} {
		if section != nil && section.Name == note.From {
			return h.storagePlaceOf(section)
		}
	}
	return nil, fmt.Errorf("the store goes back to the backend %q, which the configuration does not name", note.From)
}
