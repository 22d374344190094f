package maintenance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/internal/storecopy"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
)

// Migration is what Migrate did.
type Migration struct {
	From       string `json:"from"`
	To         string `json:"to"`
	Dir        string `json:"dir"`
	Old        string `json:"old"`
	StoreID    string `json:"store_id"` // in hex; that of the old store too
	FirstIndex uint64 `json:"first_index"`
	LastIndex  uint64 `json:"last_index"`
	Entries    uint64 `json:"entries"`
	Snapshots  int    `json:"snapshots"`
}

// Migrate copies the store in place into one of the backend that to names, reads
// both and compares them, and only then puts the new one in the old one's
// place, which keeps the old one under another name. from is how the old store is
// opened if it is not one of wal; it may be nil otherwise.
//
// A log that does not begin at 1 begins in the copy after the oldest snapshot that
// it still covers: entries before it, kept for followers, are not copied.
func Migrate(ctx context.Context, place Place, from *Node, to Node) (m Migration, err error) {
	m = Migration{From: place.Backend, To: to.Spec.Name, Dir: place.Dir}
	if err := errors.Join(mustBeInPlace(place.Dir), mustNotBeLeft(place.Dir)); err != nil {
		return m, err
	}
	free, err := hold(place.Data)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, free()) }()
	source, err := OpenToRead(ctx, place, from)
	if err != nil {
		return m, err
	}
	released := false
	release := func() error {
		if released {
			return nil
		}
		released = true
		return source.Release()
	}
	defer func() { err = errors.Join(err, release()) }()
	fresh := place.Dir + "." + to.Spec.Name + ".new"
	if err := sweep(fresh, to.Spec.Name); err != nil {
		return m, err
	}
	if err := copyStore(ctx, source, fresh, to, &m); err != nil {
		return m, errors.Join(err, os.RemoveAll(fresh))
	}
	if err := compareStores(ctx, source, fresh, to); err != nil {
		return m, errors.Join(err, os.RemoveAll(fresh))
	}
	if place.Backend != wal.Name {
		// A plugin that goes by paths would close itself in the new directory.
		// One that holds its directory keeps the lock until the end.
		if err := release(); err != nil {
			return m, err
		}
	}
	m.Old = fmt.Sprintf("%s.%s.%s", place.Dir, place.Backend, time.Now().UTC().Format("20060102T150405.000"))
	if err := swap(place.Dir, fresh, m.Old); err != nil {
		return m, err
	}
	return m, errors.Join(datadir.MarkLeft(m.Old, m.To), datadir.NoteStorage(place.Data, m.To))
}

// sweep removes what an interrupted migration left, which is never the only
// store: that of the other backend there is an original after the exchange.
func sweep(dir, backend string) error {
	name, found, err := look(dir)
	if err != nil {
		return err
	}
	if found && name != backend {
		return fmt.Errorf("%w: %s has data of the backend %q: it is the original of an interrupted migration; move it away", ErrRefused, dir, orUnknown(name))
	}
	return os.RemoveAll(dir)
}

// swap exchanges the two directories and gives the old one its name. Where
// the system can, there is a store in dir at any moment: a host that found none would
// begin a new one, and forget its votes.
func swap(dir, fresh, old string) error {
	if err := exchange(dir, fresh); err != nil {
		return err
	}
	if err := vfs.SyncOSDir(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Rename(fresh, old); err != nil {
		return err
	}
	return vfs.SyncOSDir(filepath.Dir(dir))
}

// copyStore makes the copy.
func copyStore(ctx context.Context, source *Store, dir string, to Node, m *Migration) (err error) {
	m.StoreID = hexID(source.State.StoreID)
	to.StoreID = source.State.StoreID // the member stays the same for its peers
	target, err := OpenWithPlugin(ctx, dir, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Release()) }()
	c, err := storecopy.Copy(ctx, source.opened(), target.opened(), to.options(dir).Limits, &storecopy.Progress{})
	m.FirstIndex, m.LastIndex, m.Entries, m.Snapshots = c.FirstIndex, c.LastIndex, c.Entries, c.Snapshots
	return classify(err)
}

// compareStores opens the copy once more, as the host will, and compares all
// of it with the original.
func compareStores(ctx context.Context, source *Store, dir string, to Node) (err error) {
	target, err := OpenWithPlugin(ctx, dir, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Release()) }()
	return classify(storecopy.Compare(ctx, source.opened(), target.opened(), &storecopy.Progress{}))
}
