//go:build linux

package linearizability

import (
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/test/linearizability/history"
)

// freeLink is a link that no fault has its hand on; false if there is none.
func (s *storm) freeLink() (from, to *member, found bool) {
	for _, i := range s.random.Perm(len(s.c.members)) {
		for _, j := range s.random.Perm(len(s.c.members)) {
			from, to = s.c.members[i], s.c.members[j]
			if i != j && !s.held(linkName(way{from.id, to.id})) {
				return from, to, true
			}
		}
	}
	return nil, nil, false
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
	from, to, found := s.freeLink()
	if !found {
		return nil
	}
	w := way{from.id, to.id}
	before := s.c.links.stops(w)
	disturb(w)
	return &fault{
		took:   func() bool { return s.c.links.stops(w) > before },
		target: fmt.Sprintf("%d to %d", w.from, w.to), holds: []string{linkName(w)},
		record: history.Fault{Apart: [][2]string{{from.name, to.name}}},
		dwell:  s.within(200*time.Millisecond, 2*longest), undo: func() { s.c.links.heal(w) },
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
	stops := func() (n int) {
		for _, w := range ways {
			n += s.c.links.stops(w)
		}
		return n
	}
	before := 0
	for _, other := range s.c.members {
		w := way{m.id, other.id}
		if other == m || s.held(linkName(w)) {
			continue
		}
		ways = append(ways, w)
		f.holds = append(f.holds, linkName(w))
		f.record.Apart = append(f.record.Apart, [2]string{m.name, other.name})
		before += s.c.links.stops(w)
		s.c.links.cut(w)
	}
	f.took = func() bool { return stops() > before }
	f.undo = func() {
		for _, w := range ways {
			s.c.links.heal(w)
		}
	}
	return f
}
