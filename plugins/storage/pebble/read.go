package pebble

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// entryOverhead is what maxBytes counts for an entry besides its data.
const entryOverhead = 16

// Read implements shell.Log.
func (d *database) Read(lo, hi, maxBytes uint64) (_ []storage.Entry, err error) {
	it, err := d.iterate(lo, hi)
	if err != nil || it == nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	var entries []storage.Entry
	size, want := uint64(0), lo
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return nil, damaged(err)
		}
		size += uint64(len(value)-min(len(value), entryHeadBytes)) + entryOverhead
		if len(entries) > 0 && size > maxBytes {
			return entries, nil
		}
		e, ok := decodeEntry(it.Key(), value)
		if !ok || e.Index != want {
			return nil, corruptf("entry %d is not what was written", want)
		}
		entries = append(entries, e)
		want++
	}
	if err := it.Error(); err != nil {
		return nil, damaged(err)
	}
	if want != hi {
		return nil, corruptf("entry %d is missing", want)
	}
	return entries, nil
}

// iterate returns an iterator over [lo, hi), which sees the log as show left it last; nil
// if the range is empty.
func (d *database) iterate(lo, hi uint64) (*pebble.Iterator, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if err := d.state.CheckRead(lo, hi); err != nil || lo == hi {
		return nil, err
	}
	it, err := d.seen.NewIter(&pebble.IterOptions{LowerBound: entryKey(lo), UpperBound: entryKey(hi)})
	if err != nil {
		return nil, damaged(err)
	}
	return it, nil
}
