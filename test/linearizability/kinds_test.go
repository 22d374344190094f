//go:build linux

package linearizability

import (
	"slices"
	"syscall"
	"time"
)

// A kind of fault. Begin makes one, or returns nil if there is no target for it now.
type kind struct {
	name  string
	begin func(s *storm) *fault
}

// pluginKinds are those of a member's plugins.
var pluginKinds = []string{"transport", "storage", "statemachine"}

// kinds are all of them.
func kinds() []kind {
	list := []kind{
		{"host killed", func(s *storm) *fault { return s.killHost(s.free()) }},
		{"host of the leader killed", func(s *storm) *fault { return s.killHost(s.freeLeader()) }},
		{"host stopped", func(s *storm) *fault { return s.stopHost(s.free()) }},
		{"host of the leader stopped", func(s *storm) *fault { return s.stopHost(s.freeLeader()) }},
		{"leadership moved", (*storm).moveLeadership},
		{"link cut", (*storm).cutLink},
		{"link held both ways", (*storm).holdLink},
		{"link held one way", (*storm).holdOneWay},
		{"member cut off", (*storm).cutOff},
		{"snapshot forced", (*storm).forceSnapshot},
		{"disk stalled", func(s *storm) *fault { return s.stallDisk(s.free()) }},
		{"disk of the leader stalled", func(s *storm) *fault { return s.stallDisk(s.freeLeader()) }},
		{"disk full", func(s *storm) *fault { return s.fillDisk(s.free()) }},
		{"disk of the leader full", func(s *storm) *fault { return s.fillDisk(s.freeLeader()) }},
		{"member wiped", (*storm).wipe},
		{"member removed", (*storm).replace},
		{"voter added and removed", func(s *storm) *fault { return s.addAndRemove(false) }},
		{"learner added and removed", func(s *storm) *fault { return s.addAndRemove(true) }},
		{"address moved", (*storm).moveAddress},
		{"transport moved", (*storm).moveTransport},
	}
	for _, plugin := range pluginKinds {
		list = append(list,
			kind{plugin + " killed", func(s *storm) *fault { return s.killPlugin(plugin) }},
			kind{plugin + " stopped", func(s *storm) *fault { return s.stopPlugin(plugin) }})
	}
	return list
}

// free is a member that runs and that no fault has its hand on; nil if there is none.
func (s *storm) free() *member {
	for _, i := range s.random.Perm(len(s.c.members)) {
		if m := s.c.members[i]; !m.down && !s.held(m.name) {
			return m
		}
	}
	return nil
}

// freeLeader is the leader, if no fault has its hand on it and it is to stay.
func (s *storm) freeLeader() *member {
	if m := s.c.leader(); m != nil && !m.down && !s.held(m.name) && !slices.Contains(s.c.guests, m) {
		return m
	}
	return nil
}

func (s *storm) killHost(m *member) *fault {
	if m == nil {
		return nil
	}
	m.kill()
	return &fault{target: m.name, hit: m, holds: []string{m.name}, dwell: s.within(0, longest), undo: m.start, healed: m.ready}
}

func (s *storm) stopHost(m *member) *fault {
	if m == nil {
		return nil
	}
	m.host.Signal(s.c.t, syscall.SIGSTOP)
	return &fault{
		took:   func() bool { return stands(m.host.PID()) },
		target: m.name, hit: m, holds: []string{m.name}, dwell: s.within(100*time.Millisecond, longest),
		undo: func() { m.host.Signal(s.c.t, syscall.SIGCONT) }, healed: m.ready,
	}
}

func (s *storm) killPlugin(of string) *fault {
	m := s.free()
	if m == nil {
		return nil
	}
	pid := m.plugin(of)
	if pid == 0 || !m.signal(pid, syscall.SIGKILL) {
		return nil
	}
	gone := func() bool { return !m.has(pid) }
	return &fault{
		took:   gone,
		target: m.name, hit: m, holds: []string{m.name}, dwell: longest,
		over:   func() bool { return gone() && m.plugin(of) != pid }, // its host knows
		healed: m.ready,
	}
}

func (s *storm) stopPlugin(of string) *fault {
	m := s.free()
	if m == nil {
		return nil
	}
	pid := m.plugin(of)
	if pid == 0 || !m.signal(pid, syscall.SIGSTOP) {
		return nil
	}
	return &fault{
		took:   func() bool { return stands(pid) || !m.has(pid) }, // its host may kill it
		target: m.name, hit: m, holds: []string{m.name}, dwell: s.within(100*time.Millisecond, longest),
		undo: func() { m.signal(pid, syscall.SIGCONT) }, healed: m.ready,
	}
}
