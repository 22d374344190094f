package kv

import "github.com/pontoon-raft/pontoon/internal/fields"

// typeDelete is EVENT_TYPE_DELETE; that of a put is 0.
const typeDelete = 1

// The reasons of a WatchRefused.
const (
	compacted = 1
	future    = 2
)

// refusal is a WatchRefused.
type refusal struct{ reason, oldest, revision uint64 }

// update sends a WatchUpdate: the events that a watch has found, of so many bytes, and how far
// it has come.
func (c *cutter) update(w *watch, size int) {
	size += fields.SizeVarint(w.seen)
	c.append(fields.SizeLength(size)+fields.SizeVarint(w.seen), func(b []byte) []byte {
		return fields.AppendVarint(fields.AppendLength(b, 1, size), 1, w.seen)
	})
	w.each(func(e *event) {
		n := sizeEvent(e, w.keysOnly)
		c.append(fields.SizeLength(n)+n, func(b []byte) []byte { return appendEvent(b, e, w.keysOnly) })
	})
	c.flush()
}

// refuse sends the last WatchUpdate.
func (c *cutter) refuse(r *refusal) {
	size := fields.SizeVarint(r.reason) + fields.SizeVarint(r.oldest) + fields.SizeVarint(r.revision)
	c.buf = fields.AppendLength(c.buf, 1, fields.SizeLength(size)+size)
	c.buf = fields.AppendLength(c.buf, 3, size)
	c.buf = fields.AppendVarint(c.buf, 1, r.reason)
	c.buf = fields.AppendVarint(c.buf, 2, r.oldest)
	c.buf = fields.AppendVarint(c.buf, 3, r.revision)
	c.flush()
}

// shown is the record and the value of an event as a KeyValue.
func (e *event) shown(keysOnly bool) (rec *record, value []byte) {
	if e.rec == nil {
		return &record{key: e.key, modify: e.revision}, nil
	}
	if !keysOnly {
		value = e.rec.value()
	}
	return e.rec, value
}

// sizeEvent is the size of an Event.
func sizeEvent(e *event, keysOnly bool) int {
	rec, value := e.shown(keysOnly)
	n := sizeKeyValue(rec, len(value))
	n += fields.SizeLength(n)
	if e.rec == nil {
		n += fields.SizeVarint(typeDelete)
	}
	if e.expired {
		n += fields.SizeVarint(1)
	}
	return n
}

// appendEvent appends an event to a WatchUpdate.
func appendEvent(b []byte, e *event, keysOnly bool) []byte {
	rec, value := e.shown(keysOnly)
	b = fields.AppendLength(b, 2, sizeEvent(e, keysOnly))
	if e.rec == nil {
		b = fields.AppendVarint(b, 1, typeDelete)
	}
	b = appendKeyValue(b, 2, rec, value)
	if e.expired {
		b = fields.AppendVarint(b, 3, 1)
	}
	return b
}
