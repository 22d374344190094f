// Package regular opens files that are read again while a process runs. One day
// a pipe may stand in the place of such a file, and a reader of a pipe waits
// for a writer.
package regular

import (
	"fmt"
	"io/fs"
	"os"
)

// Open opens a file and returns its state. It refuses what is not a regular file, or
// a link to one, without opening it.
func Open(path string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", path)
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if info, err = f.Stat(); err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}
