package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// memory is the resident memory of a process beside what it was at the start.
type memory struct {
	pid    int
	before int64
}

// watchMemory begins to watch a process: its peak is forgotten.
func watchMemory(pid int) (memory, error) {
	// 5 resets VmHWM, see proc(5).
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
		return memory{}, err
	}
	before, err := statusBytes(pid, "VmRSS:")
	return memory{pid: pid, before: before}, err
}

// growth returns by how many bytes the peak since watchMemory is above what it
// was then.
func (m memory) growth() (int64, error) {
	peak, err := statusBytes(m.pid, "VmHWM:")
	return peak - m.before, err
}

func statusBytes(pid int, field string) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("no %s in the status of process %d", field, pid)
}
