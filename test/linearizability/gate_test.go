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

// pass waits until the gate is open, or done. False means that what wanted to
// pass does not.
func (g *gate) pass(done <-chan struct{}) bool {
	for {
		state, changed := g.is()
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
