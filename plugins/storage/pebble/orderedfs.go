package pebble

import (
	"errors"
	"strings"

	pebblevfs "github.com/cockroachdb/pebble/v2/vfs"
)

// markerPrefix begins the names of the empty files by which pebble says which of
// its manifests is the present one.
const markerPrefix = "marker."

// orderedFS makes the names in a directory durable before a marker is created in
// it, and again before one is removed. pebble creates a manifest and the marker that names it,
// removes the marker before, and syncs the directory once after all that. A power cut in
// between may keep the new marker without its manifest, or no marker at all, where
// a file system does not keep the order of names; such a store does not open.
type orderedFS struct{ pebblevfs.FS }

// Create implements vfs.FS.
func (f orderedFS) Create(name string, category pebblevfs.DiskWriteCategory) (pebblevfs.File, error) {
	if err := f.syncAround(name); err != nil {
		return nil, err
	}
	return f.FS.Create(name, category)
}

// Remove implements vfs.FS.
func (f orderedFS) Remove(name string) error {
	if err := f.syncAround(name); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

// syncAround syncs the directory of a marker.
func (f orderedFS) syncAround(name string) error {
	if !strings.HasPrefix(f.PathBase(name), markerPrefix) {
		return nil
	}
	dir, err := f.OpenDir(f.PathDir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Unwrap implements vfs.FS.
func (f orderedFS) Unwrap() pebblevfs.FS { return f.FS }
