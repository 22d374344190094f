//go:build !unix

package demo

import (
	"errors"
	"os"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr { return nil }

// askToStop has no signal to send; the caller closes the lifeline instead.
func askToStop(*os.Process) error { return errors.ErrUnsupported }
