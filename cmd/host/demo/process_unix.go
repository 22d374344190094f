//go:build unix

package demo

import (
	"os"
	"syscall"
)

// ownGroup keeps Ctrl-C away from the nodes: the demo stops them itself.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func askToStop(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
