package pebble

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"

	"github.com/pontoon-raft/pontoon/internal/vfs"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/dirlock"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/snapfile"
)

// dbName is the directory of the database.
const dbName = "db"

// recover takes the directory and reads what is in it. After an error nothing
// is held.
func (s *store) recover(opts plugins.Options) (state storage.State, err error) {
	cfg, err := parseConfig(opts.Config)
	if err != nil {
		return storage.State{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.release())
		}
	}()
	fsys, dbfs, err := s.openFS(opts.DataDir)
	if err != nil {
		return storage.State{}, err
	}
	s.fs = fsys
	if s.lock, err = dirlock.Take(s.fs, opts); err != nil {
		return storage.State{}, err
	}
	if s.floor, err = cfg.floor(s.fs); err != nil {
		return storage.State{}, err
	}
	id, err := loadIdentity(s.fs, opts)
	if err != nil {
		return storage.State{}, err
	}
	s.limits = opts.Limits
	s.cache = pebble.NewCache(cfg.CacheBytes)
	path := filepath.Join(opts.DataDir, dbName)
	if s.db, err = pebble.Open(path, dbOptions(cfg, orderedFS{dbfs}, s.logger, s.cache, !id.begun, s.poison)); err != nil {
		return storage.State{}, damaged(err)
	}
	if err := s.begin(id); err != nil {
		return storage.State{}, err
	}
	if err := s.load(); err != nil {
		return storage.State{}, err
	}
	state = s.state.describe()
	s.shelf = snapfile.New(s.fs, s.logger)
	if err := s.shelf.Open(state); err != nil {
		return storage.State{}, err
	}
	state.Snapshots, state.StoreID = s.shelf.List(), id.store
	return state, nil
}

// begin makes a database that was never used one that was.
func (s *store) begin(id identity) error {
	if id.begun {
		return nil
	}
	if err := s.db.Set([]byte(startKey), encodeStart(0, 0), pebble.Sync); err != nil {
		return damaged(err)
	}
	if err := s.fs.SyncDir("."); err != nil { // the database's name
		return err
	}
	id.begun = true
	return vfs.Replace(s.fs, identityName, identityTemp, id.encode())
}

// load reads the whole log and checks it: every entry is there, and is what
// was written.
func (s *store) load() error {
	err := s.get(startKey, func(value []byte) error {
		base, term, ok := decodeStart(value)
		if !ok {
			return corruptf("the key %q is malformed", startKey)
		}
		s.state = newLogState(base, term)
		return nil
	})
	if errors.Is(err, pebble.ErrNotFound) {
		return corruptf("the key %q is missing", startKey)
	}
	if err != nil {
		return err
	}
	err = s.get(hardKey, func(value []byte) (err error) {
		var ok bool
		if s.state.hard, ok = decodeHard(value); !ok {
			return corruptf("the key %q is malformed", hardKey)
		}
		return nil
	})
	if err != nil && !errors.Is(err, pebble.ErrNotFound) {
		return err
	}
	if err := s.scan(); err != nil {
		return err
	}
	if l := &s.state; l.hard.Commit > l.last {
		return corruptf("the log ends at %d, its commit index is %d", l.last, l.hard.Commit)
	}
	return nil
}

// get calls use with the value of a key.
func (s *store) get(key string, use func([]byte) error) error {
	value, closer, err := s.db.Get([]byte(key))
	if err != nil {
		return damaged(err)
	}
	return errors.Join(use(value), closer.Close())
}

// scan takes in all entries.
func (s *store) scan() (err error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: entryKey(0), UpperBound: entriesEnd()})
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
		l := &s.state
		switch {
		case !isEntry || index != l.last+1:
			return corruptf("entry %d is missing, the next key is %x", l.last+1, it.Key())
		case !sound || term < l.lastTerm() || term == 0:
			return corruptf("entry %d is not what was written", index)
		}
		l.add(term)
	}
	if err := it.Error(); err != nil {
		return fmt.Errorf("read the log: %w", damaged(err))
	}
	return nil
}
