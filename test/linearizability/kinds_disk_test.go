//go:build linux

package linearizability

import (
	"time"

	"github.com/pontoon-raft/pontoon/test/linearizability/disk"
)

// stallDisk lets no sync of a member's storage return.
func (s *storm) stallDisk(m *member) *fault {
	if m == nil {
		return nil
	}
	took := s.feels(m.disk.stalled)
	must(s.c.t, m.disk.stalled.On())
	return &fault{
		took:   took,
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
	took := s.feels(m.disk.full)
	must(s.c.t, m.disk.full.On())
	return &fault{
		took:   took,
		target: m.name, hit: m, holds: []string{m.name}, dwell: s.within(time.Second, 2*longest),
		undo: func() { must(s.c.t, m.disk.full.Off()) }, healed: m.ready, leave: m,
	}
}

// feels reports later whether a storage has met the switch since now.
func (s *storm) feels(of *disk.Switch) func() bool {
	count := func() int64 {
		n, err := of.Felt()
		must(s.c.t, err)
		return n
	}
	before := count()
	return func() bool { return count() > before }
}
