package kv

import (
	"context"
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/fields"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// QueryStream implements statemachine.QueryStreamer. The answer is of the state at the
// call, whatever is applied while it lasts, and holds up Apply for the time of a clone.
func (m *machine) QueryStream(ctx context.Context, query []byte, send func(chunk []byte) error) error {
	q, ok := decodeQuery(query)
	if why := q.refusal(ok); why != "" {
		if err := m.ready(); err != nil {
			return err
		}
		return fmt.Errorf("%w: %s", statemachine.ErrInvalidQuery, why)
	}
	if q.op == queryWatch {
		return m.watch(ctx, q, send)
	}
	if q.op == queryGet { // a range of one key
		q.end = append(q.key[:len(q.key):len(q.key)], 0)
	}
	view, size, err := m.view()
	if err != nil {
		return err
	}
	m.streams.Add(1)
	defer m.streams.Add(-1)
	c := cutter{send: send, buf: make([]byte, 0, size)}
	if err := c.answer(ctx, q, view); err != nil {
		return fmt.Errorf("kv: range at revision %d: %w", view.revision, err)
	}
	return nil
}

// view is the present state, and how large chunks of it are to be.
func (m *machine) view() (store, int, error) {
	m.mu.Lock() // a clone needs exclusive access
	defer m.mu.Unlock()
	if err := m.usable(); err != nil {
		return store{}, 0, err
	}
	return m.store.clone(), m.config.chunk, nil
}

// A cutter cuts a QueryResult or a WatchResult into chunks as it is made. A chunk ends with
// a key, unless that is larger than a chunk by itself.
type cutter struct {
	send func([]byte) error
	buf  []byte // its capacity is the size of a chunk
	err  error
}

// answer sends what q finds. The revision comes first.
func (c *cutter) answer(ctx context.Context, q query, view store) error {
	c.buf = fields.AppendVarint(c.buf, 3, view.revision)
	found, more := uint32(0), false
	view.ascend(q.key, q.end, func(rec *record) bool {
		if more = q.limit > 0 && found == q.limit; more {
			return false
		}
		found++
		c.add(rec, q.keysOnly)
		if c.err == nil {
			c.err = ctx.Err()
		}
		return c.err == nil
	})
	if more {
		c.room(2)
		c.buf = fields.AppendVarint(c.buf, 2, 1)
	}
	c.flush()
	return c.err
}

// add adds a key.
func (c *cutter) add(rec *record, keysOnly bool) {
	value := rec.value()
	if keysOnly {
		value = nil
	}
	c.append(len(rec.key)+len(value)+overhead(rec), func(b []byte) []byte { return appendKeyValue(b, 1, rec, value) })
}

// append adds what encode appends, which is no more than size, to the chunk. An entry that is larger
// than a chunk goes in pieces.
func (c *cutter) append(size int, encode func([]byte) []byte) {
	if size <= cap(c.buf) {
		c.room(size)
		c.buf = encode(c.buf)
		return
	}
	c.flush()
	most := cap(c.buf)
	for rest := encode(nil); len(rest) > 0 && c.err == nil; {
		n := min(len(rest), most)
		c.err = c.send(rest[:n])
		rest = rest[n:]
	}
}

// room makes room for so many bytes in the chunk.
func (c *cutter) room(size int) {
	if len(c.buf)+size > cap(c.buf) {
		c.flush()
	}
}

// flush sends the chunk, if there is something in it.
func (c *cutter) flush() {
	if c.err == nil && len(c.buf) > 0 {
		c.err = c.send(c.buf)
	}
	c.buf = c.buf[:0]
}
