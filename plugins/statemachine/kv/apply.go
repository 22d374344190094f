package kv

import (
	"context"
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/fields"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// resultBytes is what most results need: one or two numbers.
const resultBytes = 12

// Apply implements statemachine.StateMachine. Keys and values become slices of
// the entries' data where that does not keep much else in memory.
func (m *machine) Apply(_ context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	if err := checkBatch(b); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usable(); err != nil {
		return nil, err
	}
	a := applier{store: &m.store, buf: make([]byte, 0, resultBytes*len(b.Entries))}
	results := make([]statemachine.Result, len(b.Entries))
	for i := range b.Entries {
		entry := &b.Entries[i]
		if entry.Index <= m.store.applied {
			results[i].Skipped = true
			continue
		}
		m.store.expire(entry.Time)
		a.time = entry.Time
		if !entry.Tick {
			results[i] = a.apply(entry.Data)
		}
		m.store.applied = entry.Index
	}
	m.store.applied = max(m.store.applied, b.Through)
	m.tellWatches()
	return results, nil
}

// checkBatch keeps a batch that breaks the contract from being half applied.
func checkBatch(b statemachine.Batch) error {
	last, time := uint64(0), uint64(0)
	for i := range b.Entries {
		e := &b.Entries[i]
		if e.Index <= last {
			return fmt.Errorf("apply: %w: entry %d after %d", plugins.ErrInvalidArgument, e.Index, last)
		}
		if e.Time < time {
			return fmt.Errorf("apply: %w: entry %d at time %d after time %d", plugins.ErrInvalidArgument, e.Index, e.Time, time)
		}
		last, time = e.Index, e.Time
	}
	if b.Through < last {
		return fmt.Errorf("apply: %w: batch through %d has entry %d", plugins.ErrInvalidArgument, b.Through, last)
	}
	return nil
}

// applier applies the entries of one batch.
type applier struct {
	store *store
	time  uint64 // of the entry
	// buf holds the results of the batch; it only grows, and results handed
	// out are slices of it or of what it was before it grew.
	buf []byte
}

// apply applies one command.
func (a *applier) apply(data []byte) statemachine.Result {
	c, ok := decodeCommand(data)
	if !ok {
		return statemachine.Result{Error: "malformed command"}
	}
	if why := c.refusal(a.time); why != "" {
		return statemachine.Result{Error: why}
	}
	from := len(a.buf)
	switch c.op {
	case opPut:
		a.put(data, c)
		a.buf = fields.AppendVarint(a.buf, 1, a.store.revision)
	case opDelete:
		a.delete(c)
	case opCompareAndSet:
		a.compareAndSet(data, c)
	}
	return statemachine.Result{Data: a.buf[from:len(a.buf):len(a.buf)]}
}

func (a *applier) put(data []byte, c command) {
	if c.ttl > 0 {
		a.store.putMortal(c.key, c.value, a.time+c.ttl)
		return
	}
	a.store.put(own(data, c.key, c.value))
}

func (a *applier) delete(c command) {
	var n uint64
	if len(c.end) == 0 {
		n = a.store.remove(c.key)
	} else {
		n = a.store.removeRange(c.key, c.end)
	}
	a.buf = fields.AppendVarint(a.buf, 1, a.store.revision)
	a.buf = fields.AppendVarint(a.buf, 2, n)
}

func (a *applier) compareAndSet(data []byte, c command) {
	found := a.store.get(c.key)
	if found == nil && c.modRevision == 0 || found != nil && found.modify == c.modRevision {
		a.put(data, c)
		a.buf = fields.AppendVarint(a.buf, 1, a.store.revision)
		a.buf = fields.AppendVarint(a.buf, 3, 1)
		return
	}
	a.buf = fields.AppendVarint(a.buf, 1, a.store.revision)
	if found == nil {
		return
	}
	value := found.value()
	if len(value) > len(data) || len(c.key)+len(value)+overhead(found)+resultBytes > plugins.MaxResultBytes {
		value = nil
	}
	a.buf = appendKeyValue(a.buf, 4, found, value)
}

// own returns a key that the store may keep, with the value after it: those
// given, which are slices of data, if little else is kept with them, and copies
// if data carries much besides or is a part of a large buffer.
func own(data, key, value []byte) (ownKey []byte, valueAt int) {
	n := len(key) + len(value)
	// A slice's capacity tells where in the array it begins.
	keyFrom, valueFrom := cap(data)-cap(key), cap(data)-cap(value)
	if cap(data) > 2*n+64 || len(value) == 0 || valueFrom < keyFrom {
		return joined(key, value), len(key)
	}
	return data[keyFrom : keyFrom+len(key) : valueFrom+len(value)], valueFrom - keyFrom
}
