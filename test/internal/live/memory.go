//go:build linux

package live

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Memory is the resident memory of a process since a moment.
type Memory struct {
	What   string // the process, for messages
	Before int64  // bytes when it began

	t   testing.TB
	PID int
}

// WatchMemory begins to measure: the peak starts over.
func WatchMemory(t testing.TB, what string, pid int) *Memory {
	t.Helper()
	if err := os.WriteFile(filepath.Join("/proc", strconv.Itoa(pid), "clear_refs"), []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	m := &Memory{t: t, What: what, PID: pid}
	m.Before = m.Now("VmRSS")
	return m
}

// Growth is how much more than at the beginning it was at its peak.
func (m *Memory) Growth() int64 {
	m.t.Helper()
	return m.Now("VmHWM") - m.Before
}

// Now reads a field of the process's status, in bytes.
func (m *Memory) Now(field string) int64 {
	m.t.Helper()
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(m.PID), "status"))
	if err != nil {
		m.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), "\n"+field+":")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kilobytes, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		m.t.Fatalf("%s of process %d: %v", field, m.PID, err)
	}
	return kilobytes << 10
}

// PeakMemory is the most that a process has had since it began, in bytes.
func PeakMemory(t testing.TB, pid int) int64 {
	t.Helper()
	return (&Memory{t: t, PID: pid}).Now("VmHWM")
}
