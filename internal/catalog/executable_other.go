//go:build !linux

package catalog

import (
	"io/fs"
	"os"
	"os/exec"
	"time"
)

// stepAside has nothing to do where no descriptor is executed.
func (e *executable) stepAside(...*os.File) error { return nil }

// command returns the command that executes the file by its path: there is no
// portable way to execute an open file. unchanged narrows the gap.
func (e *executable) command(args []string) *exec.Cmd {
	return &exec.Cmd{Path: e.path, Args: args}
}

func changeTime(info fs.FileInfo) time.Time { return info.ModTime() }
