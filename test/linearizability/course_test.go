//go:build linux

package linearizability

import "time"

// A course is the steps of a fault, one after the other. A step that cannot be
// made yet reports false and is tried again.
type course struct {
	steps []func() bool
	tried time.Time
}

// stepTime is between two tries.
const stepTime = 100 * time.Millisecond

// ended makes the steps that can be made, and reports whether none is left.
func (c *course) ended() bool {
	if time.Since(c.tried) < stepTime {
		return false
	}
	for len(c.steps) > 0 && c.steps[0]() {
		c.steps = c.steps[1:]
	}
	c.tried = time.Now()
	return len(c.steps) == 0
}

// follow makes a fault of steps, whose last one undoes what the others did. The
// member is out until then.
func (s *storm) follow(m *member, steps ...func() bool) *fault {
	return &fault{target: m.name, hit: m, holds: []string{membership, m.name}, course: &course{steps: steps}}
}

// once is a step that is made at once.
func once(do func()) func() bool {
	return func() bool {
		do()
		return true
	}
}

// after is a step that is made when some time has passed since it was its turn.
func after(d time.Duration) func() bool {
	var began time.Time
	return func() bool {
		if began.IsZero() {
			began = time.Now()
		}
		return time.Since(began) >= d
	}
}
