//go:build linux

package linearizability

import "sync"

// passage is what a gate lets through.
type passage int

const (
	open passage = iota
	held
	broken
)

// A gate is on the way of all bytes from one member to another.
type gate struct {
	mu      sync.Mutex
	state   passage
	changed chan struct{} // closed at the next change
	stopped int           // how often something was not let through at once
}

func (g *gate) set(p passage) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state = p
	close(g.changed)
	g.changed = make(chan struct{})
}

func (g *gate) is() (passage, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state, g.changed
}

// stop notes that something is not let through at once.
func (g *gate) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stopped++
}

// drops reports whether the gate keeps a datagram, which does not come late.
func (g *gate) drops() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state != open {
		g.stopped++
	}
	return g.state != open
}

func (g *gate) stops() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stopped
}

// pass waits until the gate is open, or done. False means that what wanted to
// pass does not.
func (g *gate) pass(done <-chan struct{}) bool {
	for noted := false; ; noted = true {
		state, changed := g.is()
		if state != open && !noted {
			g.stop()
		}
		switch state {
		case open:
			return true
		case broken:
			return false
		}
		select {
		case <-changed:
		case <-done:
			return false
		}
	}
}
