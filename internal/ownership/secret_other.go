//go:build !unix

package ownership

import (
	"io/fs"
	"os"
)

// CheckSecret is nil: files have no modes here that tell who may read them.
func CheckSecret(string, fs.FileInfo) error { return nil }

// Keep does nothing: the owner of a file cannot be told here.
func Keep(*os.File, fs.FileInfo) error { return nil }
