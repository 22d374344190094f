//go:build linux

package live

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A Process is one process of the system.
type Process struct {
	PID, Parent, Session int
	Name, Command        string
}

func (p Process) String() string { return fmt.Sprintf("%d %s (%s)", p.PID, p.Name, p.Command) }

// Processes lists all processes that run, without those that have ended and
// are not reaped yet, and that match.
func Processes(match func(Process) bool) []Process {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var found []Process
	for _, path := range stats {
		if p, running := readStat(path); running && match(p) {
			args, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
			p.Command = strings.TrimSpace(string(bytes.ReplaceAll(args, []byte{0}, []byte{' '})))
			found = append(found, p)
		}
	}
	return found
}

// readStat reads "pid (name) state ppid pgrp session …"; the name may contain
// anything. A process that is gone by now does not run.
func readStat(path string) (p Process, running bool) {
	stat, err := os.ReadFile(path)
	if err != nil {
		return p, false
	}
	nameEnd := bytes.LastIndexByte(stat, ')')
	fields := strings.Fields(string(stat[nameEnd+1:]))
	if len(fields) < 4 || fields[0] == "Z" || fields[0] == "X" {
		return p, false
	}
	p.PID, _ = strconv.Atoi(filepath.Base(filepath.Dir(path)))
	p.Name = string(stat[bytes.IndexByte(stat, '(')+1 : nameEnd])
	p.Parent, _ = strconv.Atoi(fields[1])
	p.Session, _ = strconv.Atoi(fields[3])
	return p, true
}

// Has tells whether the process was started with a text in its environment, such as the
// path of a directory that it is to use. One that has ended has nothing.
func (p Process) Has(text string) bool {
	environment, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID), "environ"))
	return err == nil && bytes.Contains(environment, []byte(text))
}

// ChildrenOf lists the processes that pid has started.
func ChildrenOf(pid int) []Process {
	return Processes(func(p Process) bool { return p.Parent == pid })
}

// SessionOf lists a host, which leads a session of its own, and everything
// that it ever started, whichever process its parent is by now.
func SessionOf(pid int) []Process {
	return Processes(func(p Process) bool { return p.Session == pid })
}
