//go:build linux || darwin || freebsd

package vfs

import (
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// freeBytes asks the file system that d is on for what unprivileged programs
// may use.
func freeBytes(d *os.File) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(d.Fd()), &st); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: d.Name(), Err: err}
	}
	// Some systems count below zero when only the reserve of root is left.
	blocks, size := max(int64(st.Bavail), 0), max(int64(st.Bsize), 1)
	if blocks > math.MaxInt64/size {
		return math.MaxInt64, nil
	}
	return blocks * size, nil
}
