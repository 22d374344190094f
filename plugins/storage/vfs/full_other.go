//go:build !unix

package vfs

import "syscall"

// errQuota: there is no such error here.
const errQuota = syscall.ENOSPC
