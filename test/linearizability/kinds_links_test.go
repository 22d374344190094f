//go:build linux

package linearizability

import (
	"fmt"
	"time"
)

// freeLink is a link that no fault has its hand on; false if there is none.
func (s *storm) freeLink() (w way, name string, found bool) {
	for _, i := range s.random.Perm(len(s.c.members)) {
		for _, j := range s.random.Perm(len(s.c.members)) {
			w = way{s.c.members[i].id, s.c.members[j].id}
			name = linkName(w)
			if i != j && !s.held(name) {
				return w, name, true
			}
		}
	}
	return w, "", false
}

// linkName is the same for both directions.
func linkName(w way) string { return fmt.Sprintf("link %d-%d", min(w.from, w.to), max(w.from, w.to)) }

func (s *storm) cutLink() *fault {
	return s.disturbLink(func(w way) { s.c.links.cut(w) })
}

func (s *storm) holdLink() *fault {
	return s.disturbLink(func(w way) {
		s.c.links.hold(w)
		s.c.links.hold(w.back())
	})
}

func (s *storm) holdOneWay() *fault {
	return s.disturbLink(func(w way) { s.c.links.hold(w) })
}

func (s *storm) disturbLink(disturb func(way)) *fault {
	w, name, found := s.freeLink()
	if !found {
		return nil
	}
	disturb(w)
	return &fault{
		target: fmt.Sprintf("%d to %d", w.from, w.to), holds: []string{name},
		dwell: s.within(200*time.Millisecond, 2*longest), undo: func() { s.c.links.heal(w) },
	}
}

// cutOff cuts all links of a member that no fault has its hand on.
func (s *storm) cutOff() *fault {
	m := s.free()
	if m == nil {
		return nil
	}
	f := &fault{target: m.name, dwell: s.within(200*time.Millisecond, 2*longest)}
	var ways []way
	for _, other := range s.c.members {
		w := way{m.id, other.id}
		if other == m || s.held(linkName(w)) {
			continue
		}
		ways = append(ways, w)
		f.holds = append(f.holds, linkName(w))
		s.c.links.cut(w)
	}
	f.undo = func() {
		for _, w := range ways {
			s.c.links.heal(w)
		}
	}
	return f
}
