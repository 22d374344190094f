package client

// A table finds the waiter of an answer by its proposal's id: a slot's index
// and how often the slot was used, so that an answer that comes late or twice
// never reaches the wrong waiter.
type table struct {
	slots []slot
	free  []uint32
}

type slot struct {
	waiter *waiter
	uses   uint16
}

const (
	slotBits = 20
	maxSlots = 1 << slotBits
)

// full reports whether put would fail.
func (t *table) full() bool { return len(t.free) == 0 && len(t.slots) >= maxSlots }

// put returns the id for w. The table must not be full.
func (t *table) put(w *waiter) uint64 {
	var i uint32
	if n := len(t.free); n > 0 {
		i = t.free[n-1]
		t.free = t.free[:n-1]
	} else {
		i = uint32(len(t.slots))
		t.slots = append(t.slots, slot{})
	}
	s := &t.slots[i]
	s.waiter = w
	s.uses++
	return uint64(s.uses)<<slotBits | uint64(i)
}

// take removes and returns the waiter of id, nil if there is none.
func (t *table) take(id uint64) *waiter {
	i := id & (maxSlots - 1)
	if i >= uint64(len(t.slots)) {
		return nil
	}
	s := &t.slots[i]
	if s.waiter == nil || id>>slotBits != uint64(s.uses) {
		return nil
	}
	return t.release(uint32(i))
}

func (t *table) release(i uint32) *waiter {
	w := t.slots[i].waiter
	t.slots[i].waiter = nil
	t.free = append(t.free, i)
	return w
}

// takeIf removes and returns the waiters for which cond holds.
func (t *table) takeIf(cond func(*waiter) bool) []*waiter {
	var out []*waiter
	for i := range t.slots {
		if w := t.slots[i].waiter; w != nil && cond(w) {
			out = append(out, t.release(uint32(i)))
		}
	}
	return out
}
