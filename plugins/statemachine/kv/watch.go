package kv

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/fields"
	"github.com/pontoon-raft/pontoon/internal/wake"
)

const (
	// markEvery is how often a watch says how far it has come, which proves besides that it
	// goes on.
	markEvery = 5 * time.Second
	// markAfter is after how many revisions without an event for the watch it says so earlier:
	// a fraction of what every member keeps.
	markAfter = snapshotEvents / 8
	// lookAt is how many revisions a watch looks at with the lock held.
	lookAt = 1 << 10
)

// A watch has a place in the history and nothing else: one that is not read costs no memory,
// and has lost its place once the events that come next are not kept any more.
type watch struct {
	query
	seen uint64 // all events up to this revision have been sent
	// marked is the revision of the last update.
	marked uint64
	moved  chan struct{}
	// changes come next. They are the history's own, and have others besides those that
	// are wanted.
	changes []change
}

// watch answers a Watch. It ends with ctx, with the receiver or with a refusal.
func (m *machine) watch(ctx context.Context, q query, send func([]byte) error) error {
	w, refused, err := m.beginWatch(q)
	if err != nil {
		return err
	}
	defer m.endWatch(w)
	c := cutter{send: send, buf: make([]byte, 0, m.config.chunk)}
	ticker := time.NewTicker(markEvery)
	defer ticker.Stop()
	for mark := true; refused == nil; {
		var more bool
		if more, refused, err = m.look(w); err != nil {
			return err
		}
		count, size := w.measure()
		if refused == nil && (mark || count > 0 || w.seen-w.marked >= markAfter) {
			c.update(w, size)
			w.marked, mark = w.seen, false
		}
		w.taken()
		if c.err != nil {
			return fmt.Errorf("kv: watch at revision %d: %w", w.seen, c.err)
		}
		if more || refused != nil {
			continue
		}
		select {
		case <-w.moved:
		case <-ticker.C:
			mark = true
		case <-ctx.Done():
			return fmt.Errorf("kv: watch at revision %d: %w", w.seen, ctx.Err())
		}
	}
	c.refuse(refused)
	return c.err
}

// beginWatch finds the place of a watch, and has it told of what comes.
func (m *machine) beginWatch(q query) (*watch, *refusal, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usable(); err != nil {
		return nil, nil, err
	}
	w := &watch{query: q, seen: m.store.revision, moved: make(chan struct{}, 1)}
	w.key, w.end = bytes.Clone(q.key), bytes.Clone(q.end)
	if q.from > 0 {
		w.seen = q.from - 1
	}
	w.marked = w.seen
	if m.watches == nil {
		m.watches = map[chan struct{}]struct{}{}
	}
	m.watches[w.moved] = struct{}{}
	return w, m.store.refuse(w.seen), nil
}

func (m *machine) endWatch(w *watch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.watches, w.moved)
}

// tellWatches is called with the lock held, and waits for no watch.
func (m *machine) tellWatches() {
	for moved := range m.watches {
		wake.Up(moved)
	}
}

// refuse says why no watch that has seen a revision can go on; nil if it can.
func (s *store) refuse(seen uint64) *refusal {
	switch {
	case seen < s.history.base:
		return &refusal{compacted, s.history.base + 1, s.revision}
	case seen > s.revision:
		return &refusal{future, s.history.base + 1, s.revision}
	}
	return nil
}

// look takes the changes that come next. More is set if there are others that it has not
// looked at. It holds up Apply for no longer than that takes, whatever a revision has changed.
func (m *machine) look(w *watch) (more bool, refused *refusal, err error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if err := m.usable(); err != nil {
		return false, nil, err
	}
	if refused := m.store.refuse(w.seen); refused != nil {
		return false, refused, nil
	}
	h, size := &m.store.history, 0
	from := h.after(w.seen)
	for i := from; i < h.changes; i++ {
		c := h.at(i)
		if i-from >= lookAt || size >= m.config.chunk {
			return true, nil, nil
		}
		w.seen = c.revision
		if len(c.others) > 0 || w.wants(c.key) {
			w.changes = append(w.changes, *c)
			size += int(c.bytes()) + len(c.others)*eventOverhead
		}
	}
	w.seen = m.store.revision
	return false, nil, nil
}

// measure counts the events that are to be sent, and their bytes in an update.
func (w *watch) measure() (count, size int) {
	w.each(func(e *event) {
		n := sizeEvent(e, w.keysOnly)
		count++
		size += fields.SizeLength(n) + n
	})
	return count, size
}

// each visits the events that are to be sent.
func (w *watch) each(visit func(*event)) {
	for i := range w.changes {
		c := &w.changes[i]
		if w.wants(c.key) {
			visit(&c.event)
		}
		for k := range c.others {
			if e := &c.others[k]; w.wants(e.key) {
				visit(e)
			}
		}
	}
}

// taken lets go of what is done with: what it points to may be large.
func (w *watch) taken() {
	clear(w.changes)
	w.changes = w.changes[:0]
}

// wants tells whether a key is in the range of the watch.
func (w *watch) wants(key []byte) bool {
	return bytes.Compare(key, w.key) >= 0 && (len(w.end) == 0 || bytes.Compare(key, w.end) < 0)
}
