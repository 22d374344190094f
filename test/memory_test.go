//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// memoryUse is the resident memory of a process since a moment.
type memoryUse struct {
	t      testing.TB
	what   string
	pid    int
	before int64
}

// watchMemory begins to measure: the peak starts over.
func watchMemory(t testing.TB, what string, pid int) *memoryUse {
	t.Helper()
	if err := os.WriteFile(filepath.Join("/proc", strconv.Itoa(pid), "clear_refs"), []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	m := &memoryUse{t: t, what: what, pid: pid}
	m.before = m.now("VmRSS")
	return m
}

// watchMemory begins to measure a node's host and the named plugins.
func (n *node) watchMemory(kinds ...string) []*memoryUse {
	n.t.Helper()
	all := []*memoryUse{watchMemory(n.t, "host of "+n.name, n.host.pid())}
	for _, kind := range kinds {
		all = append(all, watchMemory(n.t, kind+" plugin of "+n.name, int(n.plugin(kind).GetPid())))
	}
	return all
}

// growth is how much more than at the beginning it was at its peak.
func (m *memoryUse) growth() int64 {
	m.t.Helper()
	return m.now("VmHWM") - m.before
}

// now reads a field of the process's status, in bytes.
func (m *memoryUse) now(field string) int64 {
	m.t.Helper()
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(m.pid), "status"))
	if err != nil {
		m.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), "\n"+field+":")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kilobytes, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		m.t.Fatalf("%s of process %d: %v", field, m.pid, err)
	}
	return kilobytes << 10
}
