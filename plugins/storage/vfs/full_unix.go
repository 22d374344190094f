//go:build unix

package vfs

import "syscall"

const errQuota = syscall.EDQUOT
