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
	"github.com/pontoon-raft/pontoon/plugins"
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
	if err := errors.Join(mustNotMove(place.Data), mustBeInPlace(place.Dir), mustNotBeLeft(place.Dir)); err != nil {
		return m, err
	}
	if filepath.Base(place.Dir) != string(plugins.Storage) {
		return m, fmt.Errorf("%w: %s is not the folder %s of a data directory, so no host would find the copy", ErrRefused, place.Dir, plugins.Storage)
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
	fresh := filepath.Join(place.Data, datadir.CopyFolder(to.Spec.Name))
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
	move, err := moveOf(place, from, to)
	if err != nil {
		return m, err
	}
	m.Old = filepath.Join(place.Data, move.Left)
	if err := noteSwitch(place.Data, move); err != nil {
		return m, fmt.Errorf("%w: %w", ErrHalfway, err)
	}
	return m, nil
}

// ErrHalfway: a migration has failed after its copy was compared, as it took the place of the
// store. EndMigration ends it.
var ErrHalfway = errors.New("the copy is whole, and the migration has not come to its end: run the command again, or start the host of this member; either ends it")

// moveOf is the move that a migration comes down to.
func moveOf(place Place, from *Node, to Node) (*datadir.Move, error) {
	move := &datadir.Move{From: place.Backend, To: to.Spec.Name, Phase: datadir.Switching}
	if move.From == "" && from != nil {
		move.From = from.Spec.Name
	}
	move.Left = fmt.Sprintf("%s.%s.%s", filepath.Base(place.Dir), move.From, time.Now().UTC().Format("20060102T150405.000"))
	return move, move.Check()
}

// noteSwitch puts the copy into the place of the store. The move is noted before, so that a command
// that is killed from then on is ended by the next one, or by the host (datadir.Move): no
// host begins a new store in a place that is empty for a moment.
func noteSwitch(dataDir string, move *datadir.Move) error {
	if err := datadir.NoteMove(dataDir, move); err != nil {
		return err
	}
	return endSwitch(dataDir, move)
}

// endSwitch ends what noteSwitch has begun, from wherever it was interrupted.
func endSwitch(dataDir string, move *datadir.Move) error {
	if err := move.Forward(dataDir); err != nil {
		return err
	}
	if err := datadir.MarkLeft(filepath.Join(dataDir, move.Left), move.To); err != nil {
		return err
	}
	return datadir.EndMove(dataDir, move.To)
}

// EndMigration ends a migration to the backend that was killed after its copy was compared with the
// store. It reports false, and does nothing, if there is none.
func EndMigration(dataDir, to string) (m Migration, found bool, err error) {
	move, err := datadir.NotedMove(dataDir)
	if err != nil || move == nil || move.Phase != datadir.Switching || move.To != to {
		return m, false, err
	}
	free, err := take(dataDir)
	if err != nil {
		return m, true, err
	}
	defer func() { err = errors.Join(err, free()) }()
	if move, err = datadir.NotedMove(dataDir); err != nil || move == nil { // the host has settled it meanwhile
		return m, false, err
	}
	m = Migration{From: move.From, To: move.To, Dir: filepath.Join(dataDir, string(plugins.Storage)), Old: filepath.Join(dataDir, move.Left)}
	return m, true, endSwitch(dataDir, move)
}

// sweep removes the copy of an interrupted migration. A store of another backend may be the original
// of one by an earlier build, which exchanged the two.
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
