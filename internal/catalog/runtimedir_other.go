//go:build !unix

package catalog

import "os"

// lockDir opens a file in the directory at path; without locks of directories
// there is no telling a stale one from one in use, and sweep finds none
// because ownership.Ours is false.
func lockDir(path string) *os.File {
	f, err := os.CreateTemp(path, "lock")
	if err != nil {
		return nil
	}
	return f
}
