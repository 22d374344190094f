//go:build !linux

package main

import "syscall"

// dieWithParent asks for nothing: only Linux ties the life of a process to its parent's.
func dieWithParent() *syscall.SysProcAttr {
	return nil
}
