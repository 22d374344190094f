package core

import (
	"fmt"
	"maps"
	"sync"

	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// pins are what a host remembers of stores outside its own store, so that the
// loss of a store is noticed: by its own host at the next start, and by every
// peer that saw it before it was registered in the log. Each of them is written
// once, and stays until the member is removed. Only the host that has taken the
// directory has pins.
type pins struct {
	fs     vfs.FS
	saving sync.Mutex // held while the file is written

	mu   sync.Mutex   // never held over a write: the raft goroutine asks for pins
	kept datadir.Pins // its Incarnations is the last one that was reserved: see begin

	noted          uint64 // the own store that is durable
	changes, saved uint64 // how often anything was changed, and what of it is durable

	wake chan struct{}
}

// openPins reads what there is.
func openPins(fsys vfs.FS) (*pins, error) {
	kept, err := datadir.ReadPins(fsys)
	if err != nil {
		return nil, err
	}
	if kept.Peers == nil {
		kept.Peers = map[member.ID]uint64{}
	}
	return &pins{fs: fsys, kept: kept, noted: kept.Store, wake: make(chan struct{}, 1)}, nil
}

// admit compares the store that was opened with the one of before, and notes
// the first one durably. A store that lost data stays refused.
func (p *pins) admit(store uint64) error {
	if why := p.loss(store); why != "" {
		return fmt.Errorf("%w: %s", ErrLostData, why)
	}
	p.mu.Lock()
	noted := p.noted
	if p.kept.Store == 0 {
		p.kept.Store = store
		p.changes++
	}
	p.mu.Unlock()
	if !p.unsaved() {
		return nil
	}
	err := p.save() // also what an earlier attempt could not
	if noted == store && vfs.IsFull(err) {
		// The store that could not be noted can wait for room, and keep tries
		// again: a full disk keeps no host from its start, which may be what
		// makes room.
		return nil
	}
	return err
}

// began notes durably which founding the own log is about to begin with; 0: none, it
// is to be another member's.
func (p *pins) began(founding uint64) error {
	p.mu.Lock()
	same := p.kept.Founding == founding
	if !same {
		p.kept.Founding = founding
		p.changes++
	}
	p.mu.Unlock()
	if same {
		return nil
	}
	return p.save()
}

// founding is what the own log began with, as far as is noted.
func (p *pins) founding() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept.Founding
}

// lose notes durably that the store lost data, so that the next start refuses
// it as well.
func (p *pins) lose(why string) error {
	p.mu.Lock()
	p.kept.Lost = why
	p.changes++
	p.mu.Unlock()
	return p.save()
}

// part notes that the state has parted at a check, and how, or with index 0 that it was rebuilt. It
// does not wait for the disk: keep writes it.
func (p *pins) part(index uint64, how string) {
	p.mu.Lock()
	p.kept.PartedAt, p.kept.Parted = index, how
	p.changes++
	p.mu.Unlock()
	wake.Up(p.wake)
}

// parted returns the note that part has made.
func (p *pins) parted() (index uint64, how string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept.PartedAt, p.kept.Parted
}

// storage is the backend that the store was moved to last, and move the move that is under
// way; empty and nil if there is none.
func (p *pins) storage() (backend string, move *datadir.Move) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept.Move != nil {
		m := *p.kept.Move
		move = &m
	}
	return p.kept.Storage, move
}

// noteMove notes durably how far a move of the store is, and which backend is in force. The end
// of a move, which is nil, does not count before it is durable: the next start would not know.
func (p *pins) noteMove(backend string, move *datadir.Move) error {
	if move != nil {
		kept := *move
		move = &kept
	}
	p.mu.Lock()
	before, under := p.kept.Storage, p.kept.Move
	p.kept.Storage, p.kept.Move = backend, move
	p.changes++
	p.mu.Unlock()
	err := p.save()
	if err != nil && move == nil {
		p.mu.Lock()
		p.kept.Storage, p.kept.Move = before, under
		p.changes++
		p.mu.Unlock()
	}
	return err
}

// pin notes the first store that a member showed. Strangers are not pinned: there
// is no end of them. It does not wait for the disk: keep writes it.
func (p *pins) pin(id member.ID, store uint64) {
	p.mu.Lock()
	first := p.kept.Peers[id] == 0 && store != 0
	if first {
		p.kept.Peers[id] = store
		p.changes++
	}
	p.mu.Unlock()
	if first {
		wake.Up(p.wake)
	}
}

// of is the store that was pinned for a peer; 0 if none was.
func (p *pins) of(id member.ID) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept.Peers[id]
}

// all returns the pinned stores of peers.
func (p *pins) all() map[member.ID]uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.kept.Peers)
}

// forget drops the stores of members that were removed: their ids do not come
// back, and there is no end of them.
func (p *pins) forget(gone func(member.ID) bool) {
	p.mu.Lock()
	before := len(p.kept.Peers)
	maps.DeleteFunc(p.kept.Peers, func(id member.ID, _ uint64) bool { return gone(id) })
	dropped := before - len(p.kept.Peers)
	if dropped > 0 {
		p.changes++
	}
	p.mu.Unlock()
	if dropped > 0 {
		wake.Up(p.wake)
	}
}

// unsaved tells whether there is something that a save has not written yet.
func (p *pins) unsaved() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.saved != p.changes
}

// loss is why a host does not start on a store; empty if it does.
func (p *pins) loss(store uint64) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept.LossOf(store)
}

// save writes everything, durably.
func (p *pins) save() error {
	p.saving.Lock()
	defer p.saving.Unlock()
	p.mu.Lock()
	kept, changes := p.kept, p.changes
	kept.Peers = maps.Clone(p.kept.Peers)
	p.mu.Unlock()
	if err := kept.Write(p.fs); err != nil {
		return err
	}
	p.mu.Lock()
	p.saved, p.noted = changes, kept.Store
	p.mu.Unlock()
	return nil
}
