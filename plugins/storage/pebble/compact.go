package pebble

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/logstate"
)

// Compact implements shell.Log. pebble frees the space when it merges its tables.
func (d *database) Compact(index, newest uint64) (uint64, error) {
	if err := d.beginWriting(); err != nil {
		return 0, err
	}
	defer d.writing.Unlock()
	if index <= d.state.Base {
		return d.state.Base + 1, nil
	}
	if err := d.state.CheckCompact(index, newest); err != nil {
		return 0, err
	}
	next := d.state.Clone()
	next.Compact(index, next.Term(index))
	if err := d.restart(next, index+1); err != nil {
		return 0, fmt.Errorf("compact to %d: %w", index, err)
	}
	return index + 1, nil
}

// restart deletes the entries below end and makes next the state, in one
// write. The caller holds writing.
func (d *database) restart(next logstate.State, end uint64) error {
	b := d.db.NewBatch()
	err := b.DeleteRange(entryKey(0), entryKey(end), nil)
	if err == nil {
		err = b.Set([]byte(startKey), encodeStart(next.Base, next.Terms[0].Term), nil)
	}
	if err == nil && next.Hard != d.state.Hard {
		err = b.Set([]byte(hardKey), encodeHard(next.Hard), nil)
	}
	if err != nil {
		return d.fail(err)
	}
	if err := d.write(b, true); err != nil {
		return err
	}
	return d.show(next)
}

// Install implements shell.Log: the log begins after the snapshot at index.
func (d *database) Install(index, term uint64, hs storage.HardState) error {
	if err := d.beginWriting(); err != nil {
		return err
	}
	defer d.writing.Unlock()
	hs, err := d.state.CheckInstall(index, hs)
	if err != nil {
		return err
	}
	next := logstate.New(index, term)
	next.Hard = hs
	return d.restart(next, d.state.Last+1)
}
