//go:build linux

package disk

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// The files of a disk's switches in its directory of switches.
const (
	Stalled = "stalled"
	Full    = "full"
)

// Variable is the variable of the environment of disk/plugin that names the
// directory of switches.
const Variable = "LINEARIZABILITY_DISK"

// FS is a file system on a disk that stalls and is full at times. While it
// stalls, no sync returns. While it is full there is room for what is removed
// meanwhile, and for no more.
type FS struct {
	vfs.FS
	stalled *Switch
	room    room
}

// Over puts a disk that is disturbed by the switches in a directory under a file
// system.
func Over(base vfs.FS, switches string) (*FS, error) {
	stalled, err := OpenSwitch(filepath.Join(switches, Stalled))
	if err != nil {
		return nil, fmt.Errorf("disturb a disk: %w", err)
	}
	full, err := OpenSwitch(filepath.Join(switches, Full))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("disturb a disk: %w", err), stalled.Close())
	}
	return &FS{FS: base, stalled: stalled, room: room{full: full}}, nil
}

// Create implements vfs.FS. A name needs no room.
func (d *FS) Create(name string) (vfs.File, error) { return d.disturb(d.FS.Create(name)) }

// Open implements vfs.FS.
func (d *FS) Open(name string) (vfs.File, error) { return d.disturb(d.FS.Open(name)) }

func (d *FS) disturb(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &file{File: f, disk: d}, nil
}

// Remove implements vfs.FS.
func (d *FS) Remove(name string) error {
	info, err := d.Stat(name)
	if err != nil {
		return err
	}
	if err := d.FS.Remove(name); err != nil {
		return err
	}
	return d.room.give(info.Size)
}

// SyncDir implements vfs.FS.
func (d *FS) SyncDir(dir string) error { return errors.Join(d.stalled.WaitOff(), d.FS.SyncDir(dir)) }

// Free implements vfs.FS.
func (d *FS) Free() (int64, error) {
	left, bounded, err := d.room.left()
	if err != nil || bounded {
		return left, err
	}
	return d.FS.Free()
}

// Close implements vfs.FS.
func (d *FS) Close() error { return errors.Join(d.FS.Close(), d.stalled.Close(), d.room.full.Close()) }
