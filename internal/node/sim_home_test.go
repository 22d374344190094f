package node

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// simHome is the directory of a simulated store. Its names are in a file system
// that keeps over a crash what was synced, and of the rest what chance will have:
// a store whose directories were never synced is gone with them, although each
// file in it was. The host makes the directories by vfs.MakeDir before the store
// is opened, so that no store that has promised anything can be lost like this;
// one that is lost before that has promised nothing.
type simHome struct {
	home     *vfs.Mem
	promised bool // the store has acknowledged something
}

const (
	homeRoot   = "var" // made by the operator
	homeStore  = "var/lib/data/storage"
	homeMark   = "identity"
	homeMarked = homeStore + "/" + homeMark
)

// emptyHome is a machine on which nothing was started yet.
func (n *simNode) emptyHome() {
	n.home, n.promised = vfs.NewMem(), false
	n.must(n.home.Mkdir(homeRoot), n.home.SyncDir("."))
	n.interrupt()
}

// openHome is what a host and its storage do before a node runs: they make the
// directories, and read whose store it is or begin one.
func (n *simNode) openHome() {
	store, found := n.openStore()
	switch {
	case found && store != n.store:
		n.s.t.Fatalf("node %s opens store %x, and left %x", n.id, store, n.store)
	case found:
	case n.promised:
		n.s.t.Fatalf("node %s comes up with an empty store: %x, which has acknowledged entries or votes, was lost with its directory", n.id, n.store)
	default:
		n.store, n.pins = store, map[member.ID]uint64{}
		n.disk = simDisk{first: 1, received: map[uint64]*simSnapshot{}}
	}
}

// openStore returns the store's id, and whether the store was there.
func (n *simNode) openStore() (store uint64, found bool) {
	n.must(vfs.MakeDir(n.home, homeStore))
	var raw [8]byte
	f, err := n.home.Open(homeMarked)
	if err == nil {
		_, err = f.ReadAt(raw[:], 0)
		n.must(err, f.Close())
		return binary.BigEndian.Uint64(raw[:]), true
	}
	if !errors.Is(err, fs.ErrNotExist) {
		n.must(err)
	}
	store = randomNumber()
	binary.BigEndian.PutUint64(raw[:], store)
	n.writeMark(raw[:])
	return store, false
}

// writeMark puts a store's id in place as backends do: whole, or not at all.
func (n *simNode) writeMark(raw []byte) {
	home := vfs.Sub(n.home, homeStore)
	if err := home.Remove("temp"); !errors.Is(err, fs.ErrNotExist) {
		n.must(err)
	}
	f, err := home.Create("temp")
	n.must(err)
	_, err = f.WriteAt(raw, 0)
	n.must(err, f.SyncAll(), f.Close(), home.Rename("temp", homeMark), home.SyncDir("."))
}

// crashHome is the crash of the machine: names that were not synced may be gone.
// Now and then another crash meets the start that follows.
func (n *simNode) crashHome() {
	n.home = n.home.Crash(n.keep())
	if n.s.rnd.Intn(4) == 0 {
		n.interrupt()
	}
}

// interrupt is a start that is cut off at some point, or comes through.
func (n *simNode) interrupt() {
	left, ops := n.home, n.s.rnd.Intn(16)
	keep := n.keep()
	n.home.OnOp(func(vfs.Op) {
		if ops--; ops == 0 {
			left = n.home.Crash(keep)
		}
	})
	if store, found := n.openStore(); !found && left == n.home {
		n.store, n.pins = store, map[member.ID]uint64{}
		n.disk = simDisk{first: 1, received: map[uint64]*simSnapshot{}}
	}
	n.home.OnOp(nil)
	n.home = left
}

// keep is what survives: mostly nothing, else what a hash says, so that it does
// not depend on the order of the questions.
func (n *simNode) keep() vfs.Keep {
	salt := n.s.rnd.Uint64()
	if salt%4 > 0 {
		return vfs.KeepNothing
	}
	return func(u vfs.Unsynced) bool {
		h := fnv.New64a()
		fmt.Fprint(h, salt, u)
		return h.Sum64()>>32&1 == 0
	}
}

func (n *simNode) must(errs ...error) {
	if err := errors.Join(errs...); err != nil {
		n.s.t.Fatalf("home of node %s: %v", n.id, err)
	}
}
