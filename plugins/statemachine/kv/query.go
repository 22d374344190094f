package kv

import (
	"bytes"
	"context"
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/fields"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

const (
	queryGet   = 1
	queryRange = 2
	queryWatch = 3
)

// query is a Query read in place.
type query struct {
	op       uint32 // the number of its field
	key, end []byte
	limit    uint32
	from     uint64 // of a watch
	keysOnly bool
}

// decodeQuery reads a Query as proto.Unmarshal would; ok is false if that would
// fail.
func decodeQuery(data []byte) (q query, ok bool) {
	w := fields.Over(data)
	for w.Next() {
		if w.Type() != fields.Bytes || w.Number() > queryWatch {
			continue
		}
		if q.op != w.Number() {
			q = query{op: w.Number()}
		}
		if !q.merge(w.Value) {
			return query{}, false
		}
	}
	return q, w.Err() == nil
}

// merge reads the fields of the query's own operation.
func (q *query) merge(body []byte) bool {
	w := fields.Over(body)
	for w.Next() {
		switch {
		case w.Tag == 1<<3|fields.Bytes:
			q.key = w.Value
		case q.op == queryGet:
		case w.Tag == 2<<3|fields.Bytes:
			q.end = w.Value
		case w.Tag == 3<<3|fields.Varint && q.op == queryWatch:
			q.from = w.Varint
		case w.Tag == 3<<3|fields.Varint:
			q.limit = uint32(w.Varint)
		case w.Tag == 4<<3|fields.Varint:
			q.keysOnly = w.Varint != 0
		}
	}
	return w.Err() == nil
}

// refusal says why the query cannot be answered; empty if it can.
func (q *query) refusal(decoded bool) string {
	switch {
	case !decoded:
		return "malformed kv query"
	case q.op == 0:
		return "query has no operation"
	case q.op == queryGet && len(q.key) == 0:
		return "key is empty"
	case q.op == queryWatch:
		return q.watchRefusal()
	}
	return ""
}

// watchRefusal is refusal of a watch, which is kept for long.
func (q *query) watchRefusal() string {
	switch {
	case len(q.key) > MaxKeyBytes:
		return tooLong("key", len(q.key), MaxKeyBytes)
	case len(q.end) > MaxKeyBytes:
		return tooLong("end", len(q.end), MaxKeyBytes)
	case len(q.end) > 0 && bytes.Compare(q.key, q.end) >= 0:
		return "end is not after key"
	}
	return ""
}

// Query implements statemachine.StateMachine. It holds up Apply only while it
// collects what it will answer, which max_answer_bytes bounds.
func (m *machine) Query(ctx context.Context, data []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q, ok := decodeQuery(data)
	why := q.refusal(ok)
	if why == "" && q.op == queryWatch {
		why = "a watch is answered in chunks"
	}
	if why != "" {
		if err := m.ready(); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %s", statemachine.ErrInvalidQuery, why)
	}
	found, err := m.find(q)
	if err != nil {
		return nil, err
	}
	return found.encode(), nil
}

// A page is what a query found. Its records are immutable, so it is encoded
// without the lock.
type page struct {
	records  []*record
	bytes    uint64
	keysOnly bool
	more     bool
	revision uint64
}

// find collects the answer to q.
func (m *machine) find(q query) (page, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if err := m.usable(); err != nil {
		return page{}, err
	}
	a := page{keysOnly: q.keysOnly, revision: m.store.revision}
	if q.op == queryGet {
		if rec := m.store.get(q.key); rec != nil {
			a.add(rec)
		}
		return a, nil
	}
	m.store.ascend(q.key, q.end, func(rec *record) bool {
		full := q.limit > 0 && uint64(len(a.records)) >= uint64(q.limit) ||
			len(a.records) > 0 && a.bytes+a.size(rec) > m.config.MaxAnswerBytes
		if full {
			a.more = true
			return false
		}
		a.add(rec)
		return true
	})
	return a, nil
}

func (a *page) size(rec *record) uint64 {
	n := len(rec.key) + overhead(rec)
	if !a.keysOnly {
		n += len(rec.value())
	}
	return uint64(n)
}

func (a *page) add(rec *record) {
	a.records = append(a.records, rec)
	a.bytes += a.size(rec)
}

// encode returns the answer as a QueryResult.
func (a *page) encode() []byte {
	out := make([]byte, 0, a.bytes+16)
	for _, rec := range a.records {
		value := rec.value()
		if a.keysOnly {
			value = nil
		}
		out = appendKeyValue(out, 1, rec, value)
	}
	if a.more {
		out = fields.AppendVarint(out, 2, 1)
	}
	return fields.AppendVarint(out, 3, a.revision)
}
