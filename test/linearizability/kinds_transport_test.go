//go:build linux

package linearizability

import (
	"slices"
	"syscall"

	"github.com/pontoon-raft/pontoon/test/linearizability/history"
)

// moveTransport moves the cluster to the transport that it does not have, as the
// runbook says, while it serves: both transports on every member, both addresses in the
// cluster, the new transport alone, the new addresses alone. Other faults go on
// meanwhile. It has come to its end when nothing goes from member to member by the
// old transport any more.
func (s *storm) moveTransport() *fault {
	if s.held(membership) {
		return nil
	}
	c := s.c
	from, to := c.transports[0], "quic"
	if from == to {
		to = "http"
	}
	f := &fault{target: from + " to " + to, holds: []string{membership}}
	steps := []func() bool{once(func() { c.transports = []string{to, from} })}
	steps = append(steps, s.restartAll(f)...)
	steps = append(steps, once(func() { c.reached = []string{from, to} }))
	steps = append(steps, s.eachMember(s.hasMoved)...)
	steps = append(steps, s.eachMember(func(m *member) func() bool { return func() bool { return c.carries(to, m, from, to) } })...)
	steps = append(steps, once(func() { c.transports = []string{to} }))
	steps = append(steps, s.restartAll(f)...)
	steps = append(steps, once(func() { c.reached = []string{to} }))
	steps = append(steps, s.eachMember(s.hasMoved)...)
	steps = append(steps, s.eachMember(func(m *member) func() bool { return func() bool { return c.carries(to, m, to) } })...)
	f.course = &course{steps: append(steps, c.links.carryOnlyBy(to))}
	return f
}

func (s *storm) eachMember(step func(*member) func() bool) (steps []func() bool) {
	for _, m := range s.c.members {
		steps = append(steps, step(m))
	}
	return steps
}

func (s *storm) restartAll(f *fault) (steps []func() bool) {
	for _, m := range s.c.members {
		steps = append(steps, s.restart(f, m)...)
	}
	return steps
}

// restart are the steps that stop a member in order and start it with the transports
// that the cluster has by then. The member is out for as long as that takes, and not
// for as long as the fault.
func (s *storm) restart(f *fault, m *member) []func() bool {
	out := &history.Fault{Kind: "restart for another transport", Target: m.name, Out: []string{m.name}, Took: true, Part: true}
	return []func() bool{
		func() bool {
			if s.held(m.name) || !m.ready() {
				return false
			}
			f.holds = append(f.holds, m.name)
			out.Began = s.record.Now()
			s.record.AddFault(out)
			m.down = true
			m.host.Signal(s.c.t, syscall.SIGTERM)
			return true
		},
		func() bool { return !m.host.Running() && len(m.host.Left()) == 0 },
		once(func() {
			if code := m.host.Cmd.ProcessState.ExitCode(); code != 0 {
				s.c.t.Errorf("%s was stopped, and its host ended with %d:\n%s", m.name, code, m.host.LastLines(30))
			}
			s.c.configure(m, "existing", s.c.members...)
			m.start()
			out.Ended = s.record.Now()
		}),
		m.up,
		once(func() { out.Back = s.record.Now() }),
		m.ready,
		once(func() { f.holds = slices.DeleteFunc(f.holds, func(held string) bool { return held == m.name }) }),
	}
}

// carries reports whether a transport of a member has a connection to each other one,
// and carries all messages to it, and whether it can be reached by these transports.
func (c *cluster) carries(by string, from *member, usable ...string) bool {
	links := from.status().GetLinks()
	for _, to := range c.members {
		if to == from {
			continue
		}
		carried := false
		for _, l := range links {
			known := slices.Sorted(slices.Values(l.GetUsable()))
			if l.GetId() == to.hexID() && l.GetTransport() == by && l.GetActive() && slices.Equal(known, slices.Sorted(slices.Values(usable))) {
				carried = true
			}
		}
		if !carried {
			return false
		}
	}
	return true
}

// carryOnlyBy is a step that waits until the links carry bytes of a transport and none
// of the other one, from one try to the next: the members' own word is not asked.
func (l *links) carryOnlyBy(transport string) func() bool {
	var own, others int64
	return func() bool {
		nowOwn, nowOthers := l.byStreams.Load(), l.byDatagrams.Load()
		if transport == "quic" {
			nowOwn, nowOthers = nowOthers, nowOwn
		}
		only := own > 0 && nowOwn > own && nowOthers == others
		own, others = nowOwn, nowOthers
		return only
	}
}
