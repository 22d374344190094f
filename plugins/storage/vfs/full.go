package vfs

import (
	"errors"
	"syscall"
)

// IsFull reports whether an error of a file system says that there is no room:
// on the whole disk, or within what this user may have of it.
func IsFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, errQuota) }
