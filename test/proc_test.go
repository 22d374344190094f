//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A procEntry is one process of the system.
type procEntry struct {
	pid, parent, session int
	name, command        string
}

func (p procEntry) String() string { return fmt.Sprintf("%d %s (%s)", p.pid, p.name, p.command) }

// processes lists all processes that run, without those that have ended and
// are not reaped yet, and that match.
func processes(match func(procEntry) bool) []procEntry {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var found []procEntry
	for _, path := range stats {
		if p, running := readStat(path); running && match(p) {
			args, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
			p.command = strings.TrimSpace(string(bytes.ReplaceAll(args, []byte{0}, []byte{' '})))
			found = append(found, p)
		}
	}
	return found
}

// readStat reads "pid (name) state ppid pgrp session …"; the name may contain
// anything. A process that is gone by now does not run.
func readStat(path string) (p procEntry, running bool) {
	stat, err := os.ReadFile(path)
	if err != nil {
		return p, false
	}
	nameEnd := bytes.LastIndexByte(stat, ')')
	fields := strings.Fields(string(stat[nameEnd+1:]))
	if len(fields) < 4 || fields[0] == "Z" || fields[0] == "X" {
		return p, false
	}
	p.pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(path)))
	p.name = string(stat[bytes.IndexByte(stat, '(')+1 : nameEnd])
	p.parent, _ = strconv.Atoi(fields[1])
	p.session, _ = strconv.Atoi(fields[3])
	return p, true
}

// childrenOf lists the processes that pid has started.
func childrenOf(pid int) []procEntry {
	return processes(func(p procEntry) bool { return p.parent == pid })
}

// sessionOf lists a host, which leads a session of its own, and everything
// that it ever started, whoever its parent is by now.
func sessionOf(pid int) []procEntry {
	return processes(func(p procEntry) bool { return p.session == pid })
}
