package core

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/internal/patience"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// moveStorage begins to move the store of this member to the storage that its configuration
// has as the next one, or says how far a move is. A move that can be refused is refused while
// the storage that runs serves: the next one has been started and opened on an empty store then.
func (h *Host) moveStorage(ctx context.Context, ask server.StorageMoveRequest) (server.StorageMove, error) {
	if m := h.moving.Load(); m != nil && m.isUnderWay() {
		if ask.To != "" && ask.To != m.note.To {
			return server.StorageMove{}, notMoved("the store is being moved to %q, and %q was asked for", m.note.To, ask.To)
		}
		return m.status(), nil
	}
	if !h.restarting.TryLock() {
		return server.StorageMove{}, &server.Error{Err: server.ErrPluginRefused, Detail: "a plugin of this member is being restarted: wait for that", RetryAfter: h.cfg.Election}
	}
	m, err := h.planMove(ask)
	if err != nil || m.isDone {
		h.restarting.Unlock()
		return m.status(), err
	}
	h.moving.Store(m)
	if err := h.beginMove(ctx, m); err != nil {
		m.fail(err)
		h.abandonMove(m)
		m.end()
		h.restarting.Unlock()
		return server.StorageMove{}, notMoved("the storage goes on as it was: %v", err)
	}
	go h.awaitMove(m)
	return m.status(), nil
}

// awaitMove is the end of a move: the node runs again, or the host ends.
func (h *Host) awaitMove(m *storageMove) {
	defer h.restarting.Unlock()
	select {
	case err := <-m.done:
		m.fail(err)
	case <-h.life.Done():
		m.fail(server.ErrStopped)
	}
	m.end()
	h.logMove(m)
}

// notMoved is the answer if no move begins.
func notMoved(format string, args ...any) error {
	return &server.Error{Err: server.ErrPluginRefused, Detail: fmt.Sprintf(format, args...)}
}

// planMove says what is to be moved where. Nothing is started yet.
func (h *Host) planMove(ask server.StorageMoveRequest) (*storageMove, error) {
	none := &storageMove{}
	from, g := h.storage.Load(), h.current()
	st := from.slot.Status()
	if ask.To != "" && ask.To == st.Name {
		return &storageMove{note: datadir.Move{From: st.Name, To: st.Name}, isDone: true}, nil
	}
	next, err := h.nextStorage()
	switch {
	case err != nil:
		return none, notMoved("plugins.storage.next cannot be read: %v", err)
	case next == nil:
		return none, notMoved("its configuration has no plugins.storage.next, which says to which storage: set it in the file of this member")
	case ask.To != "" && ask.To != next.Name:
		return none, notMoved("its plugins.storage.next is %q, and %q was asked for", next.Name, ask.To)
	case next.Name == st.Name:
		return &storageMove{note: datadir.Move{From: st.Name, To: st.Name}, isDone: true}, nil
	case next.Name == "" || from.section.Name == "":
		return none, notMoved("plugins.storage and plugins.storage.next need a name each, by which a host that is started again finds the one that has the store")
	case next.Name == "memory" || st.Name == "memory":
		return none, notMoved("the backend memory keeps nothing")
	case next.Address != "" || from.section.Address != "":
		return none, notMoved("a storage with an address is started elsewhere, and its host cannot open it on two stores: give command and sha256, or from: catalog")
	case g == nil || st.State != catalog.Ready:
		return none, notMoved("its storage is %s: wait until it serves", st.State)
	case h.voters() < 2 && !ask.Force:
		return none, notMoved("this member is the only voter, so the cluster answers nothing while its store is copied: force it if that is meant")
	}
	if err := h.roomForCopy(); err != nil {
		return none, err
	}
	left := fmt.Sprintf("%s.%s.%s", plugins.Storage, st.Name, time.Now().UTC().Format("20060102T150405.000"))
	m := &storageMove{
		note: datadir.Move{From: st.Name, To: next.Name, Left: left, Phase: datadir.Copying},
		from: from, storeID: g.state.StoreID, served: g.instance.Done(), done: make(chan error, 1), began: time.Now(), phase: movePreparing,
	}
	if err := m.note.Check(); err != nil {
		return none, notMoved("%v", err)
	}
	if m.to, err = h.storagePlaceOf(next); err != nil {
		return none, notMoved("plugins.storage.next: %v", err)
	}
	return m, nil
}

// nextStorage is where the configuration has the store go, as it is now; nil if nowhere.
func (h *Host) nextStorage() (*PluginConfig, error) {
	if h.cfg.NextStorageNow != nil {
		return h.cfg.NextStorageNow()
	}
	return h.cfg.NextStorage, nil
}

// copyMargin is what must be free besides one and a half times the store: a backend may
// write more than it keeps.
const copyMargin = 16 << 20

// roomForCopy refuses a copy for which the disk has no room, or whose place is a link to
// another disk.
func (h *Host) roomForCopy() error {
	dir := h.storeDir()
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return notMoved("its store cannot be seen: %v", err)
	case info.Mode()&os.ModeSymlink != 0:
		return notMoved("%s is a symbolic link, which the move would replace and not follow: put the directory itself there", dir)
	}
	bytes, err := bytesBelow(dir)
	if err != nil {
		return notMoved("the size of its store cannot be seen: %v", err)
	}
	fsys, err := vfs.OS(h.cfg.DataDir)
	if err != nil {
		return notMoved("%v", err)
	}
	defer fsys.Close()
	free, err := fsys.Free()
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	if need := bytes + bytes/2 + copyMargin; err == nil && free < need {
		return notMoved("its store has %d bytes, a copy needs up to %d, and the disk has %d: make room", bytes, need, free)
	}
	if err != nil {
		return notMoved("the room on its disk cannot be seen: %v", err)
	}
	return nil
}

// bytesBelow is how much the files below a directory have. One that goes away meanwhile has nothing.
func bytesBelow(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var info os.FileInfo
			if info, err = d.Info(); err == nil {
				sum += info.Size()
			}
		}
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	})
	return sum, err
}

// beginMove opens the next storage on an empty store, hands the leadership over, and has the
// node end. After an error the storage goes on.
func (h *Host) beginMove(ctx context.Context, m *storageMove) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.life, cancel)()
	backend, _ := h.identity.pins.storage()
	if err := h.identity.pins.noteMove(backend, &m.note); err != nil {
		return err
	}
	made := filepath.Join(h.cfg.DataDir, m.note.Copy())
	if err := os.RemoveAll(made); err != nil { // of an earlier move
		return err
	}
	if m.made, err = h.openStore(ctx, m.to, made, m.storeID); err != nil {
		return err
	}
	if m.made.State.LastIndex != 0 || m.made.State.StoreID != m.storeID {
		return fmt.Errorf("the next storage opened store %x with entries up to %d in an empty directory, not an empty store with the id %x",
			m.made.State.StoreID, m.made.State.LastIndex, m.storeID)
	}
	limited, cancel := context.WithTimeout(ctx, 2*patience.Open(h.cfg.Election))
	defer cancel()
	if err := h.leaveLead(limited); err != nil {
		return fmt.Errorf("the leadership could not be handed over: %w", err)
	}
	select {
	case h.storageMoves <- m:
		return nil
	case <-m.served:
		return plugins.ErrGone
	case <-limited.Done():
		return context.Cause(limited)
	case <-time.After(catalog.CallTimeout(h.cfg.Election)):
		return errStorageBusy
	}
}

// openedStore is a store that a plugin has opened for a move.
type openedStore struct {
	storage.Storage
	State storage.State
	in    *catalog.Instance
}

// openStore opens the store in dir with a storage of this member. One that is made there
// gets the id.
func (h *Host) openStore(ctx context.Context, place *storagePlace, dir string, id uint64) (*openedStore, error) {
	if err := vfs.MakeOSDir(dir); err != nil {
		return nil, err
	}
	s := &openedStore{}
	in, err := h.launch(ctx, plugins.Storage, place.slot, place.section.Config, func(ctx context.Context, in *catalog.Instance, opts plugins.Options) (err error) {
		opts.DataDir, opts.StoreID = dir, id
		s.Storage = in.Storage()
		s.State, err = s.Open(ctx, opts)
		return err
	})
	s.in = in
	return s, err
}

// closeStore closes a store that openStore has opened, if it has.
func (h *Host) closeStore(s *openedStore) {
	if s != nil && s.in != nil {
		h.retire(s.in, s.Close)
		s.in = nil
	}
}
