// Package shortdir is for tests that make sockets. The path of a socket has 107 bytes
// at most, and t.TempDir has the test's name in it.
package shortdir

import "os"

// longest is how long the path of the directory for temporary files may be: the names
// of a cluster's test, and of the runtime directory of a host in it, still fit then.
const longest = 16

// Parent is where a test makes its directory, with os.MkdirTemp: the directory for
// temporary files, or /tmp if the path of that one is too long.
func Parent() string {
	if dir := os.TempDir(); len(dir) <= longest {
		return dir
	}
	return "/tmp"
}
