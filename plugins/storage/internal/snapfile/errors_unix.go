//go:build unix

package snapfile

import "syscall"

// errQuota is a full disk for this user only.
const errQuota = syscall.EDQUOT
