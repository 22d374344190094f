//go:build unix

package ownership

import (
	"io/fs"
	"os"
	"syscall"
)

// Ours tells whether the file belongs to this process's user.
func Ours(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}

// Trusted tells whether the file belongs to this process's user or to root.
func Trusted(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Uid == 0 || int(stat.Uid) == os.Getuid())
}
