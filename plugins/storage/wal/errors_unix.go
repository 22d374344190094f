//go:build unix

package wal

import "syscall"

// errQuota is a full disk for this user only.
const errQuota = syscall.EDQUOT
