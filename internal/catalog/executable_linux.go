package catalog

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// clearance is the distance from a child's streams to the descriptor of its program.
	clearance = 16
	// lowest is the first number that is not a standard stream of the child.
	lowest = 3
)

// stepAside gives a program a descriptor that a child with these streams keeps until it
// executes it. The runtime moves its own pipe, and the streams, to the numbers just above
// theirs in the child, and looks for no other file there: a program that has one of those
// would be replaced. Lower ones are safe. They are tried second: the higher ones may be more
// than the process may have. A script is among the files that the runtime knows of.
func (e *executable) stepAside(streams ...*os.File) error {
	var highest int
	for _, s := range streams {
		highest = max(highest, int(s.Fd()))
	}
	inTheWay := func(fd int) bool { return fd > highest && fd < highest+clearance }
	if e.script || !inTheWay(int(e.runs().Fd())) {
		return nil
	}
	for _, least := range []int{highest + clearance, lowest} {
		fd, err := unix.FcntlInt(e.runs().Fd(), unix.F_DUPFD_CLOEXEC, least)
		if err != nil {
			continue
		}
		aside := os.NewFile(uintptr(fd), e.path)
		if !inTheWay(fd) {
			e.aside = aside
			return nil
		}
		_ = aside.Close()
	}
	return fmt.Errorf("descriptor of the executable: %w", syscall.EMFILE)
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
