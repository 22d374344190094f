package main

import (
	"bytes"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// reapPause is the least time between two looks for orphans.
const reapPause = time.Second

// reapAsInit makes a host that is process 1, as in a container, reap the orphans
// that the kernel gives it. Elsewhere it does nothing. It ends with the process.
func reapAsInit(logger *slog.Logger) {
	if os.Getpid() != 1 {
		return
	}
	ended := make(chan os.Signal, 1) // one that comes during a look is kept
	signal.Notify(ended, syscall.SIGCHLD)
	go func() {
		for range ended {
			for _, pid := range reapOrphans(os.Getpid()) {
				logger.Debug("reaped an orphan", "pid", pid)
			}
			time.Sleep(reapPause) // SIGCHLD may come for each of thousands
		}
	}()
}

// reapOrphans takes the exit status of the orphans that have ended, and returns
// their ids.
func reapOrphans(parent int) (reaped []int) {
	for _, pid := range orphans(parent) {
		if got, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); err == nil && got == pid {
			reaped = append(reaped, pid)
		}
	}
	return reaped
}

// orphans are the children of parent that have ended and that it cannot have started
// itself. A host starts its plugins each in a process group of its own
// (internal/catalog), so a child that leads its group may be one of them, and one in
// the host's own group may be about to get its own: both are left alone, because the
// code that started them waits for them, and an exit status is there only once. All
// others came to this process when their parents died.
func orphans(parent int) (ended []int) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	own := unix.Getpgrp()
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // gone
		}
		p, ok := parseStat(raw)
		if ok && p.state == 'Z' && p.parent == parent && p.group != p.pid && p.group != own {
			ended = append(ended, p.pid)
		}
	}
	return ended
}

// procStat is the beginning of /proc/PID/stat.
type procStat struct {
	pid, parent, group int
	state              byte
}

// parseStat reads it; the name of the program, in parentheses, may have any
// bytes in it.
func parseStat(raw []byte) (p procStat, ok bool) {
	begin, end := bytes.IndexByte(raw, '('), bytes.LastIndexByte(raw, ')')
	if begin < 1 || end < begin {
		return p, false
	}
	fields := bytes.Fields(raw[end+1:])
	if len(fields) < 3 || len(fields[0]) != 1 {
		return p, false
	}
	p.state = fields[0][0]
	for _, f := range []struct {
		to   *int
		text []byte
	}{{&p.pid, bytes.TrimSpace(raw[:begin])}, {&p.parent, fields[1]}, {&p.group, fields[2]}} {
		n, err := strconv.Atoi(string(f.text))
		if err != nil {
			return p, false
		}
		*f.to = n
	}
	return p, p.pid > 0 // to wait for 0 or less would be to wait for any child
}
