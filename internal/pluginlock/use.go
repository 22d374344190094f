package pluginlock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Pin makes a version of a plugin the one in use, after a look at its file. Hosts that run
// go on with what they have.
func (c Catalog) Pin(ctx context.Context, kind, name, which string) (Entry, error) {
	return c.repin(kind, name, which, func(ch *change, e *Entry) error { return ch.check(ctx, e) })
}

// Unpin leaves a plugin without a version in use. It returns the one that was.
func (c Catalog) Unpin(kind, name string) (Entry, error) {
	was, err := c.Pinned(kind, name)
	if err != nil {
		return was, err
	}
	return c.repin(kind, name, was.Version, nil)
}

// repin moves the pin of a plugin to a version that passes the look; off it without one.
func (c Catalog) repin(kind, name, which string, look func(*change, *Entry) error) (Entry, error) {
	ch, err := c.change()
	if err != nil {
		return Entry{}, err
	}
	defer ch.end()
	e, err := find(ch.entries, kind, name, which)
	if err != nil {
		return Entry{}, err
	}
	if look != nil {
		if err := look(ch, e); err != nil {
			return *e, err
		}
	}
	for i := range ch.entries {
		if o := &ch.entries[i]; o.Kind == kind && o.Name == name {
			o.Pinned = look != nil && o == e
		}
	}
	now := *e // writing puts them in order
	return now, ch.write()
}

// Remove takes a version out of the lock, and then its file. It refuses one that is pinned,
// and one that a host on this machine uses.
func (c Catalog) Remove(kind, name, which string) (Entry, error) {
	ch, err := c.change()
	if err != nil {
		return Entry{}, err
	}
	defer ch.end()
	found, err := find(ch.entries, kind, name, which)
	if err != nil {
		return Entry{}, err
	}
	e := *found
	if e.Pinned {
		return e, fmt.Errorf("%w: %s is pinned: pin another version first, or none with host plugin pin --none", ErrRefused, &e)
	}
	held, err := lockExclusive(filepath.Dir(c.File(&e)))
	switch {
	case err == nil:
		defer held.Close()
	case errors.Is(err, ErrInUse):
		return e, fmt.Errorf("%s runs in a host on this machine: upgrade that first: %w", &e, err)
	case !errors.Is(err, fs.ErrNotExist):
		return e, err
	}
	ch.entries = slices.DeleteFunc(ch.entries, func(o Entry) bool { return o.Path == e.Path })
	if err := ch.write(); err != nil {
		return e, err
	}
	if err := os.Remove(c.File(&e)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return e, err
	}
	c.prune(filepath.Dir(c.File(&e)))
	return e, nil
}

// prune removes folders that are empty now, up to the catalog.
func (c Catalog) prune(dir string) {
	for dir != c.dir && os.Remove(dir) == nil {
		dir = filepath.Dir(dir)
	}
}
