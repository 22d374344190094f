//go:build linux

package linearizability

import "time"

// stallDisk lets no sync of a member's storage return.
func (s *storm) stallDisk(m *member) *fault {
	if m == nil {
		return nil
	}
	must(s.c.t, m.disk.stalled.On())
	return &fault{
		target: m.name, hit: m, holds: []string{m.name}, dwell: s.within(100*time.Millisecond, 2*longest),
		undo: func() { must(s.c.t, m.disk.stalled.Off()) }, healed: m.ready,
	}
}

// fillDisk leaves a member's storage no room but what it gives up itself. A host
// whose log cannot go on may end, as the runbook says; it is started again.
func (s *storm) fillDisk(m *member) *fault {
	if m == nil {
		return nil
	}
	must(s.c.t, m.disk.full.On())
	return &fault{
		target: m.name, hit: m, holds: []string{m.name}, dwell: s.within(time.Second, 2*longest),
		undo: func() { must(s.c.t, m.disk.full.Off()) }, healed: m.ready, leave: m,
	}
}
