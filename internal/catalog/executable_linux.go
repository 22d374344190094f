package catalog

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// clearance is how far above a child's streams the descriptor of its program is.
const clearance = 16

// stepAside gives a program a descriptor that a child with these streams keeps until it
// executes it. The runtime moves its own pipe, and the streams, to the numbers just above
// theirs in the child, and looks for no other file there: a program that has one of those
// would be replaced. A script is among the files that the runtime knows of.
func (e *executable) stepAside(streams ...*os.File) error {
	if e.script {
		return nil
	}
	var highest uintptr
	for _, s := range streams {
		highest = max(highest, s.Fd())
	}
	aside, err := unix.FcntlInt(e.runs().Fd(), unix.F_DUPFD_CLOEXEC, int(highest)+clearance)
	if err != nil {
		return fmt.Errorf("descriptor of the executable: %w", err)
	}
	e.aside = os.NewFile(uintptr(aside), e.path)
	return nil
}

// command returns the command that executes the open file, after stepAside where its
// streams are known. The child resolves the descriptor's path between fork and exec. A
// script is read again by its interpreter after exec, so it gets the file as descriptor
// 3, which is not closed on exec: the sealed copy, if there is one. The interpreter is
// trusted by the path in the first line.
func (e *executable) command(args []string) *exec.Cmd {
	runs := e.runs()
	if e.aside != nil {
		runs = e.aside
	}
	cmd := &exec.Cmd{Path: fmt.Sprintf("/proc/self/fd/%d", runs.Fd()), Args: args}
	if e.script {
		cmd.ExtraFiles = []*os.File{runs}
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
