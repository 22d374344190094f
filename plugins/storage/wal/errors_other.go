//go:build !unix

package wal

import "syscall"

// errQuota: there is no such error here.
const errQuota = syscall.ENOSPC
