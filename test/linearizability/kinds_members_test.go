//go:build linux

package linearizability

import (
	"os"
	"slices"
	"time"
)

// membership is held by the fault that changes the members: with one at a time a
// majority of the voters has its data.
const membership = "the membership"

// freeForChange is a member that may be taken out of the cluster.
func (s *storm) freeForChange() *member {
	if s.held(membership) {
		return nil
	}
	return s.free()
}

// wipe kills a host, empties its directory, and brings the member back as the
// runbook says: removed, and added under another id.
func (s *storm) wipe() *fault {
	m := s.freeForChange()
	if m == nil {
		return nil
	}
	m.kill()
	return s.follow(m, s.comesAnew(m)...)
}

// replace removes a member that serves, and puts another one in its place.
func (s *storm) replace() *fault {
	m := s.freeForChange()
	if m == nil {
		return nil
	}
	m.down = true
	steps := append([]func() bool{s.isRemoved(m), s.hasLeft(m)}, s.comesAnew(m)...)
	return s.follow(m, steps...)
}

// comesAnew are the steps that bring a member back whose host has ended.
func (s *storm) comesAnew(m *member) []func() bool {
	return []func() bool{
		func() bool { return len(m.host.Left()) == 0 },
		once(func() { must(s.c.t, os.RemoveAll(m.data())) }),
		s.isRemoved(m),
		once(func() { s.c.identify(m) }),
		s.isAdded(m, false),
		once(func() { s.join(m, s.c.members...) }),
		s.serves(m, false),
	}
}

// addAndRemove adds a member beside the others, a learner that stays one or a
// voter, and removes it again.
func (s *storm) addAndRemove(learner bool) *fault {
	if s.held(membership) {
		return nil
	}
	m := s.c.newMember()
	f := s.follow(m,
		s.isAdded(m, learner),
		once(func() {
			s.c.guests = append(s.c.guests, m)
			s.join(m, slices.Concat(s.c.members, s.c.guests)...)
		}),
		s.serves(m, learner),
		after(s.within(0, time.Second)),
		once(func() { m.down = true }), // its host is to end
		s.isRemoved(m),
		s.hasLeft(m),
		once(func() { s.c.forget(m) }))
	f.record.Voter = !learner
	return f
}

// moveAddress gives a member another address while it serves. The old one leads
// nowhere afterwards.
func (s *storm) moveAddress() *fault {
	m := s.freeForChange()
	if m == nil {
		return nil
	}
	before := m.peer
	m.peer = s.c.links.open(m.id, m.listen)
	return s.follow(m, s.hasMoved(m), once(func() { s.c.links.shut(before) }), m.ready)
}

// join starts a member that was added, with nothing of its own.
func (s *storm) join(m *member, members ...*member) {
	s.c.configure(m, "existing", members...)
	m.start()
}

// forget deletes all of a guest that has left.
func (c *cluster) forget(m *member) {
	c.guests = slices.DeleteFunc(c.guests, func(guest *member) bool { return guest == m })
	c.links.shut(m.peer)
	must(c.t, os.RemoveAll(m.dir))
}

// votes reports whether the member serves, and takes itself for a voter. One that
// joins does so before it has the log.
func (m *member) votes() bool {
	role := m.status().GetRole()
	return (role == "follower" || role == "leader") && m.ready()
}
