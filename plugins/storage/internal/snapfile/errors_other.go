//go:build !unix

package snapfile

import "syscall"

// errQuota: there is no such error here.
const errQuota = syscall.ENOSPC
