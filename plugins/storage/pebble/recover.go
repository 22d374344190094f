package pebble

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
	pebblevfs "github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/identity"
	"github.com/pontoon-raft/pontoon/plugins/storage/logstate"
	"github.com/pontoon-raft/pontoon/plugins/storage/shell"
)

// dbName is the directory of the database.
const dbName = "db"

// openDatabase opens the database of a place, which lies in dbfs, or creates it, and
// reads all of it.
func openDatabase(p shell.Place, dbfs pebblevfs.FS, cfg config) (_ shell.Log, _ storage.State, err error) {
	d := &database{fs: p.FS, limits: p.Options.Limits, poison: p.Poison}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	if d.floor, err = cfg.floor(p.FS); err != nil {
		return nil, storage.State{}, err
	}
	d.cache = pebble.NewCache(cfg.CacheBytes)
	found := func(err error) { _ = p.Poison.Fail(err) }
	path := filepath.Join(p.Options.DataDir, dbName)
	if d.db, err = pebble.Open(path, dbOptions(cfg, orderedFS{dbfs}, p.Logger, d.cache, !p.Identity.Begun, found)); err != nil {
		return nil, storage.State{}, damaged(err)
	}
	if err := d.begin(p.Identity); err != nil {
		return nil, storage.State{}, err
	}
	if err := d.load(); err != nil {
		return nil, storage.State{}, err
	}
	d.seen = d.db.NewSnapshot()
	return d, d.state.Opened(), nil
}

// begin makes a database that was never used one that was, durable on return.
func (d *database) begin(id identity.Identity) error {
	if id.Begun {
		return nil
	}
	if err := d.db.Set([]byte(startKey), encodeStart(0, 0), pebble.Sync); err != nil {
		return damaged(err)
	}
	return d.fs.SyncDir(".") // the database's name
}

// load reads the whole log and checks it: every entry is there, and is what
// was written.
func (d *database) load() error {
	err := d.get(startKey, func(value []byte) error {
		base, term, ok := decodeStart(value)
		if !ok {
			return corruptf("the key %q is malformed", startKey)
		}
		d.state = logstate.New(base, term)
		return nil
	})
	if errors.Is(err, pebble.ErrNotFound) {
		return corruptf("the key %q is missing", startKey)
	}
	if err != nil {
		return err
	}
	err = d.get(hardKey, func(value []byte) (err error) {
		var ok bool
		if d.state.Hard, ok = decodeHard(value); !ok {
			return corruptf("the key %q is malformed", hardKey)
		}
		return nil
	})
	if err != nil && !errors.Is(err, pebble.ErrNotFound) {
		return err
	}
	if err := d.scan(); err != nil {
		return err
	}
	if l := &d.state; l.Hard.Commit > l.Last {
		return corruptf("the log ends at %d, its commit index is %d", l.Last, l.Hard.Commit)
	}
	return nil
}

// get calls use with the value of a key.
func (d *database) get(key string, use func([]byte) error) error {
	value, closer, err := d.db.Get([]byte(key))
	if err != nil {
		return damaged(err)
	}
	return errors.Join(use(value), closer.Close())
}

// scan takes in all entries.
func (d *database) scan() (err error) {
	it, err := d.db.NewIter(&pebble.IterOptions{LowerBound: entryKey(0), UpperBound: entriesEnd()})
	if err != nil {
		return damaged(err)
	}
	defer func() { err = errors.Join(err, damaged(it.Close())) }()
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return damaged(err)
		}
		index, isEntry := indexOf(it.Key())
		term, sound := entryHead(it.Key(), value)
		l := &d.state
		switch {
		case !isEntry || index != l.Last+1:
			return corruptf("entry %d is missing, the next key is %x", l.Last+1, it.Key())
		case !sound || term < l.LastTerm() || term == 0:
			return corruptf("entry %d is not what was written", index)
		}
		l.Add(term)
	}
	if err := it.Error(); err != nil {
		return fmt.Errorf("read the log: %w", damaged(err))
	}
	return nil
}
