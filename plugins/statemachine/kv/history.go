package kv

import (
	"bytes"
	"sort"
)

// The events that a snapshot has at most: the newest whole revisions that keep to both
// bounds. A member keeps at least as many (config.go), so they are a function of the log, and
// snapshots are equal on all members whatever their settings are.
const (
	snapshotEvents = 4 << 10
	snapshotBytes  = 1 << 20
)

// eventOverhead is what an event counts beside its key and value.
const eventOverhead = 96

// event is a change of one key. A put has the record that it made, and the key of the record;
// both are immutable.
type event struct {
	revision uint64
	key      []byte
	rec      *record // nil: the key is gone
	expired  bool
}

// bytes is what the event counts. It depends on nothing but what the event says.
func (e *event) bytes() uint64 {
	n := len(e.key) + eventOverhead
	if e.rec != nil {
		n += len(e.rec.value())
	}
	return uint64(n)
}

// reach is how much history is kept.
type reach struct{ events, bytes uint64 }

// leastReach is what a snapshot has.
func leastReach() reach { return reach{snapshotEvents, snapshotBytes} }

// change has the events of one revision: the first event and the others, of which a delete of
// a range has many. It is immutable when the apply that made it has given up the lock.
type change struct {
	event
	others []event
}

// count is the number of its events.
func (c *change) count() int { return 1 + len(c.others) }

// size is the sum of their bytes.
func (c *change) size() uint64 {
	n := c.bytes()
	for i := range c.others {
		n += c.others[i].bytes()
	}
	return n
}

// history has the events of all revisions after base, in their order. Each revision has at
// least one. A revision whose events alone exceed the bounds is not kept, nor is any before
// it. The zero value keeps nothing.
type history struct {
	most  reach
	base  uint64
	ring  []change // its length is 0 or a power of two
	first int
	// changes are the revisions that are kept, count and bytes those of their events.
	changes, count int
	bytes          uint64
}

// at is the i-th change from the oldest on.
func (h *history) at(i int) *change { return &h.ring[(h.first+i)&(len(h.ring)-1)] }

// put notes that a key was set.
func (h *history) put(rec *record) {
	h.add(event{revision: rec.modify, key: rec.key, rec: rec})
}

// gone notes that a key was deleted, or has expired. It keeps a copy of the key, whose own
// memory has the value in it.
func (h *history) gone(revision uint64, key []byte, expired bool) {
	if h.base != revision {
		h.add(event{revision: revision, key: bytes.Clone(key), expired: expired})
	}
}

// add keeps an event of the last revision or of the next one, and drops the oldest
// revisions for it.
func (h *history) add(e event) {
	size := e.bytes()
	for uint64(h.count)+1 > h.most.events || h.bytes+size > h.most.bytes {
		if h.changes == 0 {
			h.base = e.revision
			return
		}
		if h.dropOldest(); h.base == e.revision {
			return
		}
	}
	h.count++
	h.bytes += size
	if h.changes > 0 && h.at(h.changes-1).revision == e.revision {
		last := h.at(h.changes - 1)
		last.others = append(last.others, e)
		return
	}
	if h.changes == len(h.ring) {
		h.grow()
	}
	h.changes++
	*h.at(h.changes - 1) = change{event: e}
}

// dropOldest drops the oldest revision.
func (h *history) dropOldest() {
	oldest := h.at(0)
	h.base = oldest.revision
	h.count -= oldest.count()
	h.bytes -= oldest.size()
	*oldest = change{}
	h.first = (h.first + 1) & (len(h.ring) - 1)
	h.changes--
}

// grow doubles the ring.
func (h *history) grow() {
	ring := make([]change, max(16, 2*len(h.ring)))
	for i := range h.changes {
		ring[i] = *h.at(i)
	}
	h.ring, h.first = ring, 0
}

// after is the place of the first change after a revision.
func (h *history) after(revision uint64) int {
	return sort.Search(h.changes, func(i int) bool { return h.at(i).revision > revision })
}

// newest returns a copy of the events of the newest whole revisions that keep to the
// bounds of a snapshot.
func (h *history) newest() []event {
	from, count, bytes := h.changes, 0, uint64(0)
	for i := h.changes - 1; i >= 0; i-- {
		c := h.at(i)
		if count += c.count(); count > snapshotEvents {
			break
		}
		if bytes += c.size(); bytes > snapshotBytes {
			break
		}
		from = i
	}
	kept := make([]event, 0, min(count, snapshotEvents))
	for i := from; i < h.changes; i++ {
		c := h.at(i)
		kept = append(append(kept, c.event), c.others...)
	}
	return kept
}
