//go:build unix

package catalog

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// mayExecute asks the system, which knows of owners, groups and ACLs.
func mayExecute(path string, info fs.FileInfo) bool {
	return info.Mode().Perm()&0o111 != 0 && unix.Access(path, unix.X_OK) == nil
}
