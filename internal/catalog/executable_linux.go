package catalog

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

// command returns the command that executes the open file. The child resolves
// the descriptor's path between fork and exec. A script is read again by its
// interpreter after exec, so it gets the file as descriptor 3, which is not
// closed on exec: the sealed copy, if there is one. The interpreter is trusted by
// the path in the first line.
func (e *executable) command(args []string) *exec.Cmd {
	cmd := &exec.Cmd{Path: fmt.Sprintf("/proc/self/fd/%d", e.runs().Fd()), Args: args}
	if e.script {
		cmd.ExtraFiles = []*os.File{e.runs()}
		cmd.Path = "/proc/self/fd/3"
	}
	return cmd
}

// changeTime is the inode's change time, which programs cannot set back.
func changeTime(info fs.FileInfo) syscall.Timespec {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Ctim
	}
	return syscall.Timespec{}
}
