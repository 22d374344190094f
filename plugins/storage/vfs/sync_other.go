//go:build !linux

package vfs

import (
	"os"
	"runtime"
)

func fdatasync(f *os.File, _ int) error { return f.Sync() }

func preallocate(f *os.File, size int64) error { return f.Truncate(size) }

// syncDir does nothing on Windows, where a directory cannot be synced and
// renames are journalled.
func syncDir(d *os.File) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return d.Sync()
}
