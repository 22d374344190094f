package catalog

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// tardy are the plugins that have left their last probe unanswered. Several at
// one time speak for a host, or a machine, that has no time for any of them.
type tardy struct {
	late atomic.Int64 // nanoseconds by which this host was late itself while it waited

	mu    sync.Mutex
	lives map[*processLife]bool
}

func (t *tardy) enter(l *processLife) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lives == nil {
		t.lives = map[*processLife]bool{}
	}
	t.lives[l] = true
}

func (t *tardy) leave(l *processLife) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.lives, l)
}

// others tells whether another plugin is late than l, and not because a signal
// has stopped it.
func (t *tardy) others(l *processLife) bool {
	t.mu.Lock()
	var others []*processLife
	for other := range t.lives {
		if other != l {
			others = append(others, other)
		}
	}
	t.mu.Unlock()
	return slices.ContainsFunc(others, func(other *processLife) bool { return !suspended(other.pid()) })
}

// Late is for how long this host did not run while it waited for answers of
// plugins, since its start: its goroutines were not given a processor, or its
// process was suspended.
func (c *Catalog) Late() time.Duration { return time.Duration(c.tardy.late.Load()) }
