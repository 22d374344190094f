package kv

import (
	"context"
	"encoding/binary"
)

// events reads the history. It must be one that a member keeps: without a gap, up to the
// revision of the store, and within the bounds of a snapshot.
func (sr *snapshotReader) events(ctx context.Context, s *store) error {
	last, bytes := uint64(0), uint64(0)
	err := sr.blocks(ctx, "events", func(block []byte) error {
		for len(block) > 0 {
			e, n := decodeEvent(block)
			bytes += e.bytes()
			sr.count++
			switch {
			case n == 0:
				return bad("event %d is malformed", sr.count)
			case last == 0:
				s.history.base = e.revision - 1
			case e.revision != last && e.revision != last+1:
				return bad("event %d is of revision %d, after one of %d", sr.count, e.revision, last)
			}
			if sr.count > snapshotEvents || bytes > snapshotBytes {
				return bad("its history has more than %d events or %d bytes", snapshotEvents, snapshotBytes)
			}
			s.history.add(e)
			last, block = e.revision, block[n:]
		}
		return nil
	})
	if err == nil && last != s.revision {
		return bad("its history ends at revision %d, the store's is %d", last, s.revision)
	}
	return err
}

// decodeEvent reads one event into memory of its own and returns its length, 0 if it is
// malformed.
func decodeEvent(block []byte) (event, int) {
	if block[0] == putEvent {
		rec, n := decodeRecord(block[1:], true)
		if n == 0 {
			return event{}, 0
		}
		return event{revision: rec.modify, key: rec.key, rec: rec}, 1 + n
	}
	key, rest, ok := cutBytes(block[1:], MaxKeyBytes)
	if !ok || len(key) == 0 || block[0] > expiredEvent {
		return event{}, 0
	}
	revision, n := binary.Uvarint(rest)
	if n <= 0 || revision == 0 {
		return event{}, 0
	}
	e := event{revision: revision, key: append([]byte(nil), key...), expired: block[0] == expiredEvent}
	return e, len(block) - len(rest) + n
}
