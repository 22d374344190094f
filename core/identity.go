package core

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/internal/handover"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/repeats"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Errors of identity that end a host.
var (
	// ErrLostData: this member acknowledged what its store does not have any
	// more. It must not vote or count again under its id.
	ErrLostData = node.ErrLostData
	// ErrOtherCluster: the cluster that the peers belong to began with other
	// members than this one's log, which has nothing but its own beginning.
	ErrOtherCluster = errors.New("this member has founded a cluster of its own, and its peers belong to another: " +
		"empty its data directory, and start it with cluster.state: existing, or give all founding members the same cluster.members; " +
		"a member that was restored from a snapshot goes only with others that were restored from the same file: restore it on those too, before they are started")
)

// identity is who this member is to its peers, who they are to it, and what
// does not fit. It belongs to the host: it outlives generations and transports.
//
// A peer whose greeting does not fit is refused by the transports, both ways:
// its messages, its votes and its snapshots do not arrive. identity makes of it
// a sentence for the operator and, when it is this member that does not fit, the
// end of its service: not ready, or the end of the host where its store has
// nothing that the others lack.
type identity struct {
	h    *Host
	pins *pins
	dir  vfs.FS    // the data directory; nil before open
	lock io.Closer // on it; nil before open

	judging sync.Mutex // held while a judgement is made and acted on

	mu        sync.Mutex
	store     uint64
	registry  *member.Registry
	readTo    uint64 // the index of the registry that was read at boot
	founder   bool   // see node.Greeting
	self      transport.Greeting
	conflicts map[conflict]sighting // by kind
	// told has those with members that the log had lately, and strange those with strangers: a
	// transport may say that one comes and goes as often as it likes.
	told, strange *repeats.Book[conflict]
	met           map[member.ID]bool // greeted, and fitting since
	last          verdict

	connected func(member.ID) bool // a transport has a connection with a peer

	losses   chan loss // for watch, which may wait for the disk
	lossOnce sync.Once
}

func newIdentity(h *Host) *identity {
	return &identity{
		h: h, pins: &pins{}, registry: &member.Registry{}, conflicts: map[conflict]sighting{}, met: map[member.ID]bool{},
		told:      repeats.New[conflict](repeats.Rule{Pause: conflictAgain, Most: mostConflictsTold, Forgets: true}),
		strange:   repeats.New[conflict](repeats.Rule{Pause: conflictAge * h.cfg.Election, Most: maxStrangeConflicts, Forgets: true}),
		connected: h.reaches, losses: make(chan loss, 2),
	}
}

// open takes the data directory, which is this host's until close, and reads what
// is remembered of stores. No other host gets in between while the storage, whose
// lock is its plugin's, is started again.
func (i *identity) open(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("data directory: %w", err)
		}
	}()
	cfg := &i.h.cfg
	if i.dir, err = vfs.OS(cfg.DataDir); err != nil {
		return err
	}
	who := fmt.Sprintf("host pid %d (node %q)", os.Getpid(), cfg.Name)
	err = handover.Retry(ctx, storage.ErrLocked, func() (err error) {
		i.lock, err = datadir.Take(i.dir, cfg.DataDir, who)
		return err
	})
	if err != nil {
		return err
	}
	p, err := openPins(i.dir)
	if err == nil {
		i.pins = p
	}
	return err
}

// close ends the use of the data directory. It is called when nothing of the host
// runs any more.
func (i *identity) close() error {
	var errs []error
	if i.dir != nil {
		i.noteRest(func(l loss) { i.lost(l.why) }) // what raft found after watch had ended
		errs = append(errs, i.dir.Close())
	}
	if i.lock != nil {
		errs = append(errs, i.lock.Close())
	}
	return errors.Join(errs...)
}

// admit takes what a generation opened, before its node is made.
func (i *identity) admit(cfg node.Config) error {
	registry, index, err := node.BootRegistry(cfg)
	if err != nil {
		return fmt.Errorf("membership in the log: %w", err)
	}
	founder := len(cfg.Bootstrap) > 0
	if cfg.State.LastIndex == 0 { // the log begins now
		if err := i.pins.began(node.Greeting(0, registry, founder).Founding); err != nil {
			return err
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.store, i.registry, i.founder = cfg.State.StoreID, registry, founder
	i.readTo = index
	i.show()
	i.forgetRemoved()
	return nil
}

// show works out what this member shows. Until the cluster has its number, the log of
// a founder may be told from that of a cluster with another list by the pins alone: a
// configuration may say by then that the member joins, and the entries of both have
// the same indexes and terms. It needs i.mu.
func (i *identity) show() {
	i.self = node.Greeting(i.store, i.registry, i.founder)
	if founding := i.pins.founding(); founding != 0 && !i.registry.Begun() {
		i.self.Founding = founding
	}
}

// forgetRemoved needs i.mu.
func (i *identity) forgetRemoved() {
	i.pins.forget(func(id member.ID) bool {
		_, removed := i.registry.WasRemoved(id)
		return removed
	})
}

// learned takes the membership of the running node. While that is behind what
// was read at boot, the latter stands: a node that replays its log knows its
// cluster all the same.
func (i *identity) learned(registry *member.Registry, index uint64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if index < i.readTo || registry == i.registry {
		return
	}
	i.registry = registry
	i.show()
	i.forgetRemoved()
}

// known is the membership by which peers are known; empty before there is one.
func (i *identity) known() *member.Registry {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.registry
}

// greeting is what this member shows.
func (i *identity) greeting() transport.Greeting {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.self
}

// storeOf is the store that a member is expected to show: the registered one, or
// else the first one that was seen of it.
func (i *identity) storeOf(registry *member.Registry, id member.ID) uint64 {
	if store := registry.Store(id); store != 0 {
		return store
	}
	return i.pins.of(id)
}
