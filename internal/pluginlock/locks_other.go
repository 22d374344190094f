//go:build !unix

package pluginlock

import (
	"io"
	"io/fs"
)

// unlocked stands for a lock where the system has none of this kind: the file of a running
// program cannot be removed there, and two commands must not be run at once.
type unlocked struct{}

// Close implements io.Closer.
func (unlocked) Close() error { return nil }

// Hold does nothing: the file of a running program cannot be removed here.
func Hold(string) (io.Closer, error) { return unlocked{}, nil }

func lockShared(string) (io.Closer, error) { return unlocked{}, nil }

func lockExclusive(string) (io.Closer, error) { return unlocked{}, nil }

// othersMayWrite is false: files have no modes here that tell it.
func othersMayWrite(fs.FileInfo) bool { return false }

// mayBeExecuted is true: the name of a file decides that here.
func mayBeExecuted(fs.FileInfo) bool { return true }
