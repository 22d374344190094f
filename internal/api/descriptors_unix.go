//go:build unix

package api

import "golang.org/x/sys/unix"

// descriptorLimit is how many descriptors this process may have.
func descriptorLimit() uint64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return mostConnections + descriptorReserve
	}
	return uint64(limit.Cur)
}
